"""What is made of what the user says and shows: voice activity, words, ends of turns, pictures."""
