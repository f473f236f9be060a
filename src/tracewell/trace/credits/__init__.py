"""What an org may see of its credits."""
