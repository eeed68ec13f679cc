$(call library,common/metrics,metrics.c metrics_segment.c,\
    common/base common/codec,)
$(call unit_tests,common/metrics,test_metrics)
