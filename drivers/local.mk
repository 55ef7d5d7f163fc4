# SPDX-License-Identifier: Apache-2.0
libposthorn_a_SOURCES += \
	drivers/driver.h \
	drivers/driver.c \
	drivers/loopback.c
EXTRA_DIST += drivers/drivers.def

libposthorn_a_SOURCES += \
	drivers/modem/at.h \
	drivers/modem/at.c \
	drivers/modem/at_error.h \
	drivers/modem/at_error.c \
	drivers/modem/chat.h \
	drivers/modem/chat.c \
	drivers/modem/chat_line.h \
	drivers/modem/chat_line.c
EXTRA_DIST += drivers/modem/at_error.def

if HAVE_SMPP34
libposthorn_a_SOURCES += \
	drivers/smpp/pdu.h \
	drivers/smpp/pdu.c \
	drivers/smpp/status.h \
	drivers/smpp/status.c \
	drivers/smpp/window.h \
	drivers/smpp/window.c \
	drivers/smpp/hosts.h \
	drivers/smpp/hosts.c \
	drivers/smpp/homing.c \
	drivers/smpp/outbind.c \
	drivers/smpp/trace.h \
	drivers/smpp/trace.c \
	drivers/smpp/session.h \
	drivers/smpp/session.c \
	drivers/smpp/session_int.h \
	drivers/smpp/session_read.c \
	drivers/smpp/text.h \
	drivers/smpp/text.c \
	drivers/smpp/smpp.h \
	drivers/smpp/submit.c \
	drivers/smpp/deliver.c \
	drivers/smpp/smpp.c
endif

if HAVE_SMPP34
libposthorn_a_SOURCES += drivers/smpp/address.h drivers/smpp/address.c drivers/smpp/tlv.h drivers/smpp/tlv.c
endif

if HAVE_SERIALPORT
libposthorn_a_SOURCES += \
	drivers/modem/port.h \
	drivers/modem/port.c \
	drivers/modem/port_owner.h \
	drivers/modem/port_owner.c \
	drivers/modem/telnet.h \
	drivers/modem/telnet.c \
	drivers/modem/finder.h
libposthorn_a_SOURCES += \
	drivers/modem/modem.h \
	drivers/modem/modem.c \
	drivers/modem/ports.c \
	drivers/modem/life.h \
	drivers/modem/life.c \
	drivers/modem/ladder.h \
	drivers/modem/ladder.c \
	drivers/modem/startup.h \
	drivers/modem/startup.c \
	drivers/modem/startup_pin.c \
	drivers/modem/pin_memory.h \
	drivers/modem/pin_memory.c \
	drivers/modem/startup_reports.c \
	drivers/modem/network.h \
	drivers/modem/network.c \
	drivers/modem/facts.c \
	drivers/modem/quirks.h \
	drivers/modem/quirks.c \
	drivers/modem/at_trace.h \
	drivers/modem/at_trace.c \
	drivers/modem/ussd.h \
	drivers/modem/ussd.c \
	drivers/modem/ussd_text.c \
	drivers/modem/calls.h \
	drivers/modem/calls.c \
	drivers/modem/outgoing.h \
	drivers/modem/outgoing.c \
	drivers/modem/incoming.h \
	drivers/modem/incoming.c
endif

if HAVE_SERIALPORT
libposthorn_a_SOURCES += \
	drivers/modem/finder.c \
	drivers/modem/finder_int.h \
	drivers/modem/finder_scan.c \
	drivers/modem/finder_watch.h \
	drivers/modem/finder_watch.c \
	drivers/modem/probe.h \
	drivers/modem/probe.c \
	drivers/modem/usb.h \
	drivers/modem/usb.c
endif
