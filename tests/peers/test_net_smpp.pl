#!/usr/bin/perl
# SPDX-License-Identifier: Apache-2.0
# The carrier simulator against Net::SMPP, a client that somebody else wrote.  TAP; skipped where it is not installed.
use strict;
use warnings;

BEGIN {
	eval { require Net::SMPP; Net::SMPP->import; 1 } or do {
		print "1..0 # SKIP Net::SMPP is not installed\n";
		exit 0;
	};
}

my $program = $ENV{POSTHORN_SMSC_SIM} || './posthorn-smsc-sim';
my ($n, $bad) = (0, 0);

sub ok {
	my ($good, $name) = @_;
	$n++;
	$bad++ unless $good;
	print $good ? "ok $n - $name\n" : "not ok $n - $name\n";
}

$SIG{ALRM} = sub { print "Bail out! nothing moved for 30 seconds\n"; exit 1 };
alarm 30;

my $pid = open(my $sim, '-|', $program, '--listen', '127.0.0.1:0', '--first-id', '1000', '--password', 'secret',
	'--line', 'on submit_sm 3 throttle', '--line', 'outcome to 1303* UNDELIV err 021') or die "$program: $!";
my ($port) = <$sim> =~ /^listening 127\.0\.0\.1:(\d+)$/ or die 'no port';
my %login = (port => $port, system_id => 'perl', system_type => '', smpp_version => 0x34);

my ($smpp, $resp) = Net::SMPP->new_transceiver('127.0.0.1', %login, password => 'wrong');
ok($resp && $resp->{status} == 0x0E, 'a wrong password is refused');

($smpp, $resp) = Net::SMPP->new_transceiver('127.0.0.1', %login, password => 'secret');
ok($resp && $resp->{status} == 0, 'bound');
ok($resp->{system_id} eq 'smsc-sim', 'the system_id of the SMSC is read');

my %to = (destination_addr => '12025550142', dest_addr_ton => 1, dest_addr_npi => 1, source_addr => 'POST',
	source_addr_ton => 5, source_addr_npi => 0);
$resp = $smpp->submit_sm(%to, short_message => 'hello', registered_delivery => 1);
ok($resp->{status} == 0 && $resp->{message_id} eq '1000', 'submitted, with an id');

my $pdu = $smpp->read_pdu;
ok($pdu->{cmd} == 5 && $pdu->{esm_class} == 4, 'a delivery receipt');
ok($pdu->{short_message} =~ /^id:1000 sub:001 dlvrd:001 submit date:\d{10} done date:\d{10} stat:DELIVRD err:000 text:/,
	'in the words of the standard');
ok($pdu->{source_addr} eq '12025550142' && $pdu->{destination_addr} eq 'POST', 'addresses are swapped');
ok($pdu->{receipted_message_id} eq "1000\0" && unpack('C', $pdu->{message_state}) == 2, 'with both TLVs');
$smpp->deliver_sm_resp(message_id => '', seq => $pdu->{seq});

$resp = $smpp->submit_sm(%to, destination_addr => '13035550142', short_message => 'no', registered_delivery => 1);
ok($resp->{status} == 0, 'a second one');
$pdu = $smpp->read_pdu;
ok($pdu->{short_message} =~ /stat:UNDELIV err:021/, 'that is undeliverable');
$smpp->deliver_sm_resp(message_id => '', seq => $pdu->{seq});

$resp = $smpp->submit_sm(%to, short_message => 'too fast');
ok($resp->{status} == 0x58, 'the third is throttled');

$resp = $smpp->query_sm(message_id => '1000', source_addr_ton => 5, source_addr_npi => 0, source_addr => 'POST');
ok($resp->{status} == 0 && $resp->{message_state} == 2, 'query_sm tells DELIVERED');

$resp = $smpp->data_sm(%to, message_payload => 'x' x 500);
ok($resp->{status} == 0 && $resp->{message_id} eq '1002', 'data_sm is taken');

$resp = $smpp->enquire_link;
ok($resp->{status} == 0, 'enquire_link is answered');
$resp = $smpp->unbind;
ok($resp->{status} == 0, 'unbind is answered');

kill TERM => $pid;
my $json = do { local $/; <$sim> };
ok(close($sim), 'a clean end');
ok($json =~ /"malformed":0[,}]/ && $json =~ /"unexpected_responses":0[,}]/, 'nothing was malformed');
ok($json =~ /"acked":2[,}]/, 'two receipts were acknowledged');
print "1..$n\n";
exit($bad ? 1 : 0);
