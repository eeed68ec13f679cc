$(call library,frontend/exporter,exposition.c health.c metrics_page.c \
    node_probe.c process_usage.c status_page.c worker_metrics.c,\
    common/base common/os common/lsm/view common/metrics,)
$(call unit_tests,frontend/exporter,test_exposition test_health \
    test_metrics_page test_node_probe test_process_usage test_status_page)
