"""Work over shards on many processes or machines: units of work, where they run, what is kept of them until
all are done."""
