# needrestart compares a process's maps with the files at these paths, as the process itself sees them. In a view both stay
# equal, because its overlays go on showing the mapped files, pinned or not. So needrestart never reports a pinned library,
# and never a replaced library of the live system. 'pinlib ps' finds the latter, and this module passes them to
# needrestart in the way that it learns the files of interpreters.

package NeedRestart::Interp::Pinlib;

use strict;
use warnings;

use parent qw(NeedRestart::Interp);
use JSON::PP;
use NeedRestart qw(:interp);

my $check = 'NeedRestart::needrestart_interp_check';

needrestart_interp_register(__PACKAGE__);

# For each process the replaced files of the live system that it maps. pinlib is asked once.
my $stale;

sub stale {
    my ($text, $ps);

    return $stale if($stale);
    $stale = {};
    open($ps, '-|', '/usr/bin/pinlib', 'ps', '--libs', '--json') || return $stale;
    {
	local $/;
	$text = <$ps>;
    }
    close($ps);
    my $all = eval { decode_json($text) } || return $stale;
    foreach my $process (@{$all->{processes}}) {
	my @files = @{$process->{stale} || []};
	$stale->{$process->{pid}} = \@files if(@files);
    }
    return $stale;
}

# True only for needrestart's own check: callers that ask for a process's source get the interpreter's answer.
sub isa {
    my ($self, $pid) = @_;

    return ((caller(1))[3] || '') eq $check && defined(stale()->{$pid});
}

# undef means that the file no longer exists.
sub files {
    my ($self, $pid) = @_;

    return map { $_ => undef } @{stale()->{$pid}};
}

1;
