# `make install` and `make uninstall`; the Makefile includes this file.
#
#   DOMAIN           names of the server; addresses begin with the first: DOMAIN="img.example.com pics.example.org"
#   CERTIFICATE, CERTIFICATE_KEY   PEM files, if certbot does not create them
#   PREFIX           where programs are installed
#   STATE_DIR        where pictures are stored
#   NGINX_USER       the user of nginx's workers
#   DESTDIR          only stage the files in this folder, for packages

# Not from the environment: the units and the command use this name.
override CONFIG := /etc/authsvc/authsvc.toml
# The choices of an earlier installation, so that an upgrade needs no arguments.
-include $(dir $(CONFIG))install.conf

DOMAIN     ?=
CERTIFICATE ?=
CERTIFICATE_KEY ?=
DESTDIR    ?=
PREFIX     ?= /usr/local
STATE_DIR  ?= /var/lib/authsvc
# Folders that systemd reads besides /etc, which is for the administrator's changes.
override UNIT_DIR     := /usr/local/lib/systemd/system
override SYSUSERS_DIR := /usr/local/lib/sysusers.d
override TMPFILES_DIR := /usr/local/lib/tmpfiles.d
ifneq ($(filter install% uninstall,$(MAKECMDGOALS)),)
NGINX_USER ?= $(if $(DESTDIR),www-data,$(shell scripts/nginx-user))
endif

LIB_DIR      = $(PREFIX)/lib/authsvc
RESTART_MARK = $(if $(DESTDIR),,$(LIB_DIR)/restart-needed)
ifneq ($(filter install% uninstall,$(MAKECMDGOALS)),)
export DOMAIN PREFIX STATE_DIR NGINX_USER RESTART_MARK CONFIG DESTDIR
endif

AUTHSVC = $(PREFIX)/bin/authsvc
NEW_CONFIG = new-config $(foreach name,$(DOMAIN),--domain $(name)) --data-dir $(STATE_DIR) \
    $(if $(CERTIFICATE),--certificate $(CERTIFICATE)) $(if $(CERTIFICATE_KEY),--certificate-key $(CERTIFICATE_KEY))

UNITS = authsvc.socket authsvc.service authsvc-sites.path authsvc-sites.service
SHARE = $(DESTDIR)$(PREFIX)/share
INSTALLED = $(DESTDIR)$(PREFIX)/bin/authsvc $(UNITS:%=$(DESTDIR)$(UNIT_DIR)/%) \
    $(DESTDIR)$(SYSUSERS_DIR)/authsvc.conf $(DESTDIR)$(TMPFILES_DIR)/authsvc.conf \
    $(SHARE)/man/man1/authsvc.1 $(SHARE)/bash-completion/completions/authsvc \
    $(SHARE)/zsh/site-functions/_authsvc $(SHARE)/fish/vendor_completions.d/authsvc.fish

.PHONY: install install-files uninstall

ifeq ($(DESTDIR),)
install: install-files
	@scripts/install-account $(SYSUSERS_DIR)/authsvc.conf $(TMPFILES_DIR)/authsvc.conf
	$(AUTHSVC) $(NEW_CONFIG) $(CONFIG)
	$(AUTHSVC) init
	scripts/install-units start
	$(AUTHSVC) nginx install
	@scripts/install-greeting $(CONFIG)
else
install: install-files
	@echo 'staged below $(DESTDIR); on the server, after unpacking:'
	@echo '  systemd-sysusers && systemd-tmpfiles --create'
	@echo '  authsvc new-config --domain img.example.com $(CONFIG) && authsvc init'
	@echo '  systemctl daemon-reload && systemctl enable --now authsvc.socket authsvc.service authsvc-sites.path'
	@echo '  authsvc nginx install'
endif

install-files:
	@scripts/need-packages $(if $(DESTDIR),stage,install)
	$(if $(DESTDIR),,scripts/install-check)
	scripts/install-release $(DESTDIR)$(LIB_DIR)
	scripts/place 755 scripts/authsvc $(DESTDIR)$(PREFIX)/bin/authsvc
	scripts/place 644 systemd/authsvc.socket $(DESTDIR)$(UNIT_DIR)/authsvc.socket
	scripts/place 644 systemd/authsvc.service $(DESTDIR)$(UNIT_DIR)/authsvc.service
	scripts/place 644 systemd/authsvc-sites.path $(DESTDIR)$(UNIT_DIR)/authsvc-sites.path
	scripts/place 644 systemd/authsvc-sites.service $(DESTDIR)$(UNIT_DIR)/authsvc-sites.service
	scripts/place 644 systemd/sysusers.conf $(DESTDIR)$(SYSUSERS_DIR)/authsvc.conf
	scripts/place 644 systemd/tmpfiles.conf $(DESTDIR)$(TMPFILES_DIR)/authsvc.conf
	scripts/place 644 scripts/install.conf $(DESTDIR)$(dir $(CONFIG))install.conf
	scripts/place 644 systemd/network.conf $(SHARE)/doc/authsvc/network.conf
	scripts/place 644 docs/authsvc.1 $(SHARE)/man/man1/authsvc.1
	scripts/place 644 completions/authsvc.bash $(SHARE)/bash-completion/completions/authsvc
	scripts/place 644 completions/authsvc.zsh $(SHARE)/zsh/site-functions/_authsvc
	scripts/place 644 completions/authsvc.fish $(SHARE)/fish/vendor_completions.d/authsvc.fish

# Data, settings, certificates and the account are kept.
uninstall:
	$(if $(DESTDIR),,! test -x $(AUTHSVC) || $(AUTHSVC) nginx uninstall)
	$(if $(DESTDIR),,scripts/install-units stop)
	rm -f $(INSTALLED)
	rm -rf $(DESTDIR)$(LIB_DIR) $(SHARE)/doc/authsvc
	$(if $(DESTDIR),,rm -rf /run/authsvc-verdicts)
	$(if $(DESTDIR),,! test -d /run/systemd/system || systemctl daemon-reload)
	@echo 'authsvc is removed. These are kept; delete them if you like:'
	@echo '  pictures and catalog   $(STATE_DIR)'
	@echo '  settings               $(dir $(CONFIG))'
	@echo '  certificates           where certbot or you have put them'
	@echo '  access log             authsvc.log* in the folder of nginx'"'"'s logs'
	@echo '  user and group         userdel authsvc; groupdel authsvc'
