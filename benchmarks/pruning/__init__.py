"""Four nets on Fashion-MNIST, whole and pruned every way there is: accuracy, size, speed."""

NET_NAMES = ("article", "resnet", "mobilenet_v2", "mobilenet_v3")
"""Those of ``nets.NETS``, which only a process with Keras can read."""
