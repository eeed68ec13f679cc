$(call library,common/codec,checksum.c integer.c,common/base,)
$(call unit_tests,common/codec,test_integer)
