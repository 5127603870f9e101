#include "fused_cluster.h"

CLUSTER(4)
