#!/usr/bin/perl
# SPDX-License-Identifier: Apache-2.0
# A carrier made of Net::SMPP, a stack that shares no line and no author with ours.  It takes one bind after the other, and
# every submit_sm of it, answers with an id, and sends a receipt where one was asked for.  Standard output is one JSON object
# a line: what it heard, as the module understood it.
use strict;
use warnings;
use Net::SMPP;

$| = 1;

sub say_json {
	my (%what) = @_;
	print '{', join(',', map {
		my $v = defined $what{$_} ? $what{$_} : '';
		$v =~ s/([^ !#-\[\]-~])/sprintf('\\u%04x', ord $1)/ge;
		"\"$_\":\"$v\"";
	} sort keys %what), "}\n";
}

my $listener = Net::SMPP->new_listen('127.0.0.1', port => 0, smpp_version => 0x34) or die "cannot listen: $!";
my $next_id = 1;

sub receipt {
	my ($smpp, $pdu, $id) = @_;
	$smpp->deliver_sm(
		async => 1, esm_class => 0x04, source_addr => $pdu->{destination_addr}, source_addr_ton => 1,
		source_addr_npi => 1, destination_addr => $pdu->{source_addr},
		short_message => "id:$id sub:001 dlvrd:001 submit date:2601010000 done date:2601010000 stat:DELIVRD err:000 text:");
}

sub serve {
	my ($smpp) = @_;
	while (my $pdu = $smpp->read_pdu) {
		my $cmd = $pdu->{cmd};
		if ($cmd == 9 || $cmd == 1 || $cmd == 2) {
			say_json(heard => 'bind', kind => $cmd, map { $_ => $pdu->{$_} } qw(system_id password interface_version));
			my $answer = $cmd == 9 ? 'bind_transceiver_resp' : $cmd == 1 ? 'bind_receiver_resp' : 'bind_transmitter_resp';
			$smpp->$answer(seq => $pdu->{seq}, system_id => 'perl');
		} elsif ($cmd == 4) {
			my $id = 'perl-' . $next_id++;
			say_json(heard => 'submit_sm', id => $id, to => $pdu->{destination_addr}, text => $pdu->{short_message});
			$smpp->submit_sm_resp(seq => $pdu->{seq}, message_id => $id);
			receipt($smpp, $pdu, $id) if $pdu->{registered_delivery} & 1;
		} elsif ($cmd == 0x15) {
			say_json(heard => 'enquire_link');
			$smpp->enquire_link_resp(seq => $pdu->{seq});
		} elsif ($cmd == 6) {
			say_json(heard => 'unbind');
			$smpp->unbind_resp(seq => $pdu->{seq});
			return;
		} elsif ($cmd == 0x80000005) {
			say_json(heard => 'deliver_sm_resp', status => $pdu->{status});
		} else {
			say_json(heard => 'other', cmd => sprintf('%08x', $cmd));
		}
	}
}

print "{\"port\":", $listener->sockport, "}\n";
while (my $smpp = $listener->accept) {
	serve($smpp);
	close $smpp;
}
