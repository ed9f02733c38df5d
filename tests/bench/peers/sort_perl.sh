#!/bin/sh
# The same work with sort and Perl's JSON::XS.  usage: sort_perl.sh threads list file >out
set -eu
# shellcheck disable=SC2016
fold='
use strict; use warnings; use JSON::XS;
my $json = JSON::XS->new->utf8; my ($now, %data) = ("");
sub out { print $json->encode({accommodation_id => $now, accommodation_data => \%data}), "\n" if $now ne "" }
while (<STDIN>) {
	my ($id, undef, $line) = split /\t/, $_, 3;
	if ($id ne $now) { out(); ($now, %data) = ($id) }
	my $offer = $json->decode($line)->{accommodation_data};
	for (keys %$offer) { $data{$_} //= $offer->{$_} }
}
out();'
# shellcheck disable=SC2016
key='
use strict; use warnings; use JSON::XS;
open my $list, "<", shift or die "list: $!"; local $/; my $n = 10;
my %rank = map { $_ => $n++ } @{decode_json(<$list>)};
$/ = "\n";
while (<>) {
	/^\{"partner_name":"([^"\\]*)","accommodation_id":"([^"\\]*)"/ or die "line $.: unknown shape";
	print "$2\t$rank{$1}\t$_";
}'
perl -e "$key" "$2" "$3" | LC_ALL=C sort --parallel="$1" -S 1G | perl -e "$fold"
