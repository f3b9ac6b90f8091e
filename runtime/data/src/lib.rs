//! Sources, tokenising, shards and the order of data
