make sim                                    # 20,000 worlds
make sim ARGS="0 100000 --jobs 2"           # as many as you like
make sim ARGS="--trace 17"                  # what happened in one
make mutants                                # each rule broken on purpose: is it noticed?
