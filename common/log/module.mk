$(call library,common/log,log.c,common/base,)
