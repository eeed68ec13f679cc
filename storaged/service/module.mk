$(call library,storaged/service,service.c,storaged common/ipc common/worker,)
$(call program,storaged,storaged/service,main.c,storaged/service)
