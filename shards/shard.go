package shards
