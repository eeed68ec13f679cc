$(call library,replicator/identity,forming.c peers.c replica_file.c,\
    common/base common/codec common/os config replicator/protocol,)
$(call unit_tests,replicator/identity,test_forming test_forming_clusters\
    test_peers test_replica_file)
