$(call library,tests/support,suite.c scratch.c,common/os,-lcunit)
