# make install: everything into the places of the Filesystem Hierarchy
# Standard, below DESTDIR. An existing configuration file is kept.

PREFIX ?= /usr
SYSCONFDIR ?= /etc
DESTDIR ?=
INSTALL_LIB := $(DESTDIR)$(PREFIX)/lib
INSTALL_DOC := $(DESTDIR)$(PREFIX)/share/doc/kvstore
INSTALL_CONFIG := $(DESTDIR)$(SYSCONFDIR)/kvstore/kvstore.yaml
PLACES := s,@PREFIX@,$(PREFIX),g;s,@SYSCONFDIR@,$(SYSCONFDIR),g
DOCUMENTS := README.md LICENSE storaged/FORMAT.md supervisor/FORMAT.md \
    frontend/tcp/PROTOCOL.md

install: programs ## into DESTDIR and PREFIX=/usr, with units
	@install -d $(DESTDIR)$(PREFIX)/bin $(INSTALL_LIB)/kvstore \
	    $(INSTALL_LIB)/systemd/system $(INSTALL_LIB)/sysusers.d \
	    $(INSTALL_LIB)/tmpfiles.d $(INSTALL_DOC) $(dir $(INSTALL_CONFIG))
	@install $(filter-out %/kvctl,$(PROGRAMS)) $(INSTALL_LIB)/kvstore
	@for program in $(filter %/kvctl,$(PROGRAMS)); do \
	    install $$program $(DESTDIR)$(PREFIX)/bin; \
	done
	@ln -sfn ../lib/kvstore/server \
	    $(DESTDIR)$(PREFIX)/bin/kvstore-server
	@sed '$(PLACES)' systemd/kvstore.service \
	    >$(INSTALL_LIB)/systemd/system/kvstore.service
	@install -m 644 systemd/kvstore.sysusers \
	    $(INSTALL_LIB)/sysusers.d/kvstore.conf
	@install -m 644 systemd/kvstore.tmpfiles \
	    $(INSTALL_LIB)/tmpfiles.d/kvstore.conf
	@[ -e $(INSTALL_CONFIG) ] || \
	    sed 's,^data_dir: ./data$$,data_dir: /var/lib/kvstore,' \
		config/kvstore.yaml >$(INSTALL_CONFIG)
	@for document in $(wildcard $(DOCUMENTS)); do \
	    install -m 644 $$document \
		$(INSTALL_DOC)/$$(echo $$document | tr / -); \
	done
