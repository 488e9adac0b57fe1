"""A model brought within a budget, round by round: channels are rated, cut, and what is left is trained again."""
