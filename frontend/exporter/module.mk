$(call library,frontend/exporter,door.c exposition.c health.c metrics_page.c \
    node_probe.c page.c process_usage.c status_page.c worker_metrics.c,\
    common/base common/loop common/lsm/view common/metrics common/net \
    common/os frontend/http,)
$(call program,exporter,frontend/exporter,main.c,\
    frontend/exporter common/worker)
$(call unit_tests,frontend/exporter,test_door test_exposition test_health \
    test_metrics_page test_node_probe test_process_usage test_status_page)
