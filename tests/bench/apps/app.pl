# SPDX-License-Identifier: Apache-2.0
# A benchmark of Perl: regular expressions, hashes, sorting, strings of the text on its input.
use strict;
use warnings;

my (%count, %after, $last, $numbers, @names);
while (my $line = <STDIN>) {
    $numbers += $1 while $line =~ /\b(\d{1,4})\b/g;
    push @names, $1 if $line =~ /^\s*(?:def|class)\s+(\w+)\s*[(:]/;
    for my $word (map { lc } $line =~ /[A-Za-z_]{2,}/g) {
        $count{$word}++;
        $after{$last}{$word}++ if defined $last;
        $last = $word;
    }
    $line =~ s/(['"])(.*?)\1/length($2)/ge;
    $numbers += length $line;
}
my @top = sort { $count{$b} <=> $count{$a} || $a cmp $b } keys %count;
print join(" ", scalar(@top), $numbers, @top[0 .. 20]), "\n";
for my $word (@top[0 .. 50]) {
    my $next = $after{$word};
    my ($best) = sort { $next->{$b} <=> $next->{$a} || $a cmp $b } keys %$next;
    printf "%s %s %d\n", $word, $best // "-", scalar keys %$next;
}
print join(",", sort { length $a <=> length $b || $a cmp $b } @names), "\n";
