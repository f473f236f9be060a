"""Companies: who they are, what they run, and the paid reads of both."""
