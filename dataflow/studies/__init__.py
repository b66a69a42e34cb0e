"""Studies: variants of one experiment, each trained from several seeds or timed, side by side."""
