// The gradient of attention on sm_90a whose sums have one order: see attention_backward_hopper.cuh.
#include "attention_backward_hopper.cuh"

#define ATTENTION_BACKWARD_HOPPER(D)                                    \
    ATTENTION_BACKWARD_KERNEL(attention_backward_hopper_d##D, D, true)  \
    EMULATE_TURNS(attention_backward_hopper_d##D)

ATTENTION_BACKWARD_HOPPER(64)
ATTENTION_BACKWARD_HOPPER(128)
