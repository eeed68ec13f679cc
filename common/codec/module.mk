$(call library,common/codec,base64.c checksum.c decimal.c integer.c\
    json_text.c store_identity.c,common/base,)
$(call unit_tests,common/codec,test_base64 test_decimal test_integer\
    test_json_text test_store_identity)
