"""What is known of one company beyond its profile: evidence, history, postings; batches."""
