#!/usr/bin/perl
# SPDX-License-Identifier: Apache-2.0
# The default alphabet against Encode::GSM0338, which comes with Perl: every cell, every pair, every character of the basic
# plane.  TAP; skipped where the module is missing or older than the tables of TS 23.038 release 16.
use strict;
use warnings;

BEGIN {
	eval { require Encode; require Encode::GSM0338; Encode::GSM0338->VERSION(2.08); 1 } or do {
		print "1..0 # SKIP Encode::GSM0338 2.08 is not installed\n";
		exit 0;
	};
}

my $program = ($ENV{POSTHORN_BUILD} || '.') . '/tests/peers/text_probe';
my $gsm = Encode::find_encoding('gsm0338');
my ($n, $bad) = (0, 0);

sub ok {
	my ($good, $name) = @_;
	$n++;
	$bad++ unless $good;
	print $good ? "ok $n - $name\n" : "not ok $n - $name\n";
}

# What the program answers to lines, written to a file first: two pipes could wait for each other.
sub probe {
	my ($mode, @lines) = @_;
	my $path = "$program.$$.in";
	open(my $f, '>', $path) or die "$path: $!";
	print $f "$_\n" for @lines;
	close($f);
	open(my $out, '-|', "'$program' $mode <'$path'") or die "$program: $!";
	chomp(my @answers = <$out>);
	close($out) or die "$program $mode: $?";
	unlink($path);
	die 'answers are missing' unless @answers == @lines;
	return @answers;
}

sub utf8_hex { return unpack('H*', Encode::encode('UTF-8', $_[0])) }

# Reading: each septet but a lone ESC, which we show as a space and Perl as a no-break space; each pair that it knows.
my (@septets, @want);
for my $code (0 .. 127) {
	next if $code == 0x1b;
	push @septets, chr($code);
	push @want, $gsm->decode(my $one = chr($code));
}
for my $code (0 .. 127) {
	my $pair = "\x1b" . chr($code);
	my $text = eval { $gsm->decode($pair, Encode::FB_CROAK) };
	next unless defined $text && length($text) == 1 && $text ne "\x{a0}";
	push @septets, "\x1b" . chr($code);
	push @want, $text;
}
ok(@septets == 127 + 10, 'Perl knows 127 cells and ten pairs: ' . scalar(@septets));
my @got = probe('decode', map { unpack('H*', $_) } @septets);
my @wrong = grep { $got[$_] ne utf8_hex($want[$_]) } 0 .. $#septets;
ok(!@wrong, 'all are read alike');
print '# ', unpack('H*', $septets[$_]), ": we $got[$_], Perl ", utf8_hex($want[$_]), "\n" for @wrong;

# Writing: every character of the basic plane, where Perl has it and where it has not.
my @cps = grep { $_ < 0xd800 || $_ > 0xdfff } 1 .. 0xfffd;
@want = map {
	my $text = chr($_);
	my $octets = eval { $gsm->encode($text, Encode::FB_CROAK) };
	defined $octets && length($octets) ? unpack('H*', $octets) : '-'
} @cps;
@got = probe('encode', map { utf8_hex(chr($_)) } @cps);
@wrong = grep { $got[$_] ne $want[$_] } 0 .. $#cps;
ok(137 == grep({ $_ ne '-' } @want), 'Perl can write 137 characters');
ok(!@wrong, 'all of the basic plane is written alike, or by neither');
printf "# U+%04X: we %s, Perl %s\n", $cps[$_], $got[$_], $want[$_] for @wrong[0 .. ($#wrong > 9 ? 9 : $#wrong)];

print "1..$n\n";
exit($bad ? 1 : 0);
