"""What do we ask readers, and what did they answer? Exercises with their checks, questions, answers, progress, solutions."""
