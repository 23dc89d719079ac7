"""Work in threads, in processes, over MPI ranks and in shards that survive an interruption."""
