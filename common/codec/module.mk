$(call library,common/codec,base64.c checksum.c decimal.c integer.c,common/base,)
$(call unit_tests,common/codec,test_base64 test_decimal test_integer)
