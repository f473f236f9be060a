"""The jobs that companies post, as their own pages say."""
