"""The Pareto front over (budget × scheme): how much accuracy each millisecond and each kilobyte buys."""
