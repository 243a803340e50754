# needrestart asks whether a process maps what stands at the paths now, as the process itself sees them. In a view
# that is so for ever: its overlays go on showing what the process has, pinned or not. So a pinned library is never taken
# for an old one; nor is a library of the live system that was replaced. pinlib knows of these ('pinlib ps'), and here
# needrestart is told, as it is told of the files of interpreters.

package NeedRestart::Interp::Pinlib;

use strict;
use warnings;

use parent qw(NeedRestart::Interp);
use JSON::PP;
use NeedRestart qw(:interp);

my $check = 'NeedRestart::needrestart_interp_check';

needrestart_interp_register(__PACKAGE__);

# By process: the files of the live system that it maps and that were replaced. Asked once.
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

# Who asks for the source of what a process runs gets the interpreter's answer, not ours.
sub isa {
    my ($self, $pid) = @_;

    return ((caller(1))[3] || '') eq $check && defined(stale()->{$pid});
}

# Undefined: there is no such file any more.
sub files {
    my ($self, $pid) = @_;

    return map { $_ => undef } @{stale()->{$pid}};
}

1;
