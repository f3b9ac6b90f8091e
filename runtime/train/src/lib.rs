//! Stage machine, optimiser steps, checkpoints, ledger, report
