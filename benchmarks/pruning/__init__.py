"""Four nets on Fashion-MNIST, whole and pruned every way there is: accuracy, size, speed."""
