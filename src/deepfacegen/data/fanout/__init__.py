"""Work over shards on many processes or machines, which goes on where it was stopped."""
