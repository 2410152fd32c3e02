"""Where rows come from: Kafka topics and dropped files, planned and read by exact ranges."""
