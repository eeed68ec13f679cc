$(call library,common/codec,checksum.c decimal.c integer.c,common/base,)
$(call unit_tests,common/codec,test_decimal test_integer)
