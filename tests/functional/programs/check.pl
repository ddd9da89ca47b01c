# SPDX-License-Identifier: Apache-2.0
# Perl with results that are known: numbers, big numbers, regular expressions, sorting, packing.
use strict;
use warnings;
use Digest::MD5 qw(md5_hex);
use Digest::SHA qw(sha256_hex);
use List::Util qw(sum shuffle);
use Math::BigInt;
use POSIX qw(floor strtod);

sub check {
    my ($name, $got, $wanted) = @_;
    die "$name: $got, not $wanted\n" unless $got eq $wanted;
}

check("md5", md5_hex("a" x 1000000), "7707d6ae4e027c70eea2a935c2296f21");
check("sha256", sha256_hex("abc"),
    "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
check("factorial", Math::BigInt->new(30)->bfac(), "265252859812191058636308480000000");
check("power", Math::BigInt->new(3)->bpow(200)->bmod(1000000007), Math::BigInt->new(3)->bmodpow(200, 1000000007));
check("pack", unpack("H*", pack("nNvVCqd>", 1, 2, 3, 4, 5, -6, 1.5)),
    "00010000000203000400000005faffffffffffffff3ff8000000000000");
check("sprintf", sprintf("%.15g %.3e %x %o %s", 0.1, 12345.678, 255, 8, 1e15 + 0.5),
    "0.1 1.235e+04 ff 10 1e+15");
check("strtod", sprintf("%.17g", (strtod("2.2250738585072014e-308"))[0]), "2.2250738585072014e-308");

my %count;
$count{ $_ % 113 * 3 }++ for 1 .. 50000;
check("hash", scalar(keys %count), 113);
check("sum", sum(map { $_ * $count{$_} } sort { $a <=> $b } keys %count), 8395383);
my @sorted = sort { $a <=> $b } shuffle(1 .. 20000);
check("sort", "@sorted[0, 9999, 19999]", "1 10000 20000");

my $text = join " ", map { "word$_" . ($_ % 3 ? "" : "!") } 1 .. 20000;
my $found = () = $text =~ /\bword\d*7!/g;
check("matches", $found, scalar(grep { $_ % 3 == 0 && $_ % 10 == 7 } 1 .. 20000));
(my $swapped = $text) =~ s/(word)(\d+)/$2$1/g;
check("length", length $swapped, length $text);
check("backtracking", ("a" x 22) =~ /^(a|aa)+$/ ? "yes" : "no", "yes");
for my $i (1 .. 200) {
    my $made = eval "sub { \$_[0] * $i + " . ($i * 7) . " }";
    check("eval", $made->(3), 10 * $i);
}
check("floor", floor(-2.5) . atan2(1, 1) * 4, "-33.14159265358979");
print "$found ", md5_hex($swapped), "\n";
