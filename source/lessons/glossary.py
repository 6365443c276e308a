# ---
# jupyter:
#   jupytext:
#     text_representation:
#       extension: .py
#       format_name: percent
# ---

# %% [markdown]
# # Glossary
#
# The course uses one word for one thing. Each word stands here with the lesson that explains it. The last column lists names
# that you will meet elsewhere for the same thing; the course does not use them.

# %% [markdown]
# ## The model
#
# | word | meaning | lesson | elsewhere |
# |---|---|---|---|
# | trunk | the layers that all heads share | [1](01_two_heads.ipynb) | backbone, encoder, shared bottom, base network |
# | head | the layers that give one answer, up to a named output | [1](01_two_heads.ipynb) | branch, tower, output branch |
# | features | what the trunk gives to the heads: one row of numbers for an image | [4](04_multi_label.ipynb) | embedding, latent code |
# | unit | one number that a layer gives for an image | [0](00_start_here.ipynb) | neuron |
# | softmax | the activation that turns k numbers into k probabilities with a total of 1: for one of k classes | [0](00_start_here.ipynb) | |
# | sigmoid | the activation that turns each number into a probability of its own: for yes/no questions | [0](00_start_here.ipynb) | logistic function |
# | logit | what a softmax or sigmoid head computes before its activation: any real number | [2](02_wiring_heads.ipynb) | raw score |
# | multi-output | a model that gives more than one answer, from several heads | [0](00_start_here.ipynb) | multi-head model |
# | multi-task | one model that learns several targets together | [0](00_start_here.ipynb) | |
# | separate networks | one network for each task, with nothing shared | [3](03_three_architectures.ipynb) | single-task models |
# | one wide head | one `Dense` layer that computes all answers side by side, cut up afterwards | [3](03_three_architectures.ipynb) | joint output layer |
# | hard sharing | all tasks use one trunk | [10](10_when_to_share.ipynb) | shared-bottom model |
# | soft sharing | the training decides how much the tasks share: cross-stitch units, experts with gates | [10](10_when_to_share.ipynb) | |
# | signature | what can be asked of an exported model, with the names of its inputs and outputs | [14](14_ship_and_scale.ipynb) | |
# | expert, gate | a small network that all tasks may use; the weights with which one task mixes the experts | [10](10_when_to_share.ipynb) | router |

# %% [markdown]
# ## The data
#
# | word | meaning | lesson | elsewhere |
# |---|---|---|---|
# | label | what somebody wrote down about an image | [0](00_start_here.ipynb) | annotation, ground truth |
# | target | what a head learns to answer; it may follow from a label | [0](00_start_here.ipynb) | response variable, gold answer |
# | task | a target together with its loss | [0](00_start_here.ipynb) | subtask, sub-task |
# | binary | one yes/no question | [0](00_start_here.ipynb) | |
# | multi-class | one answer out of several classes that exclude each other | [0](00_start_here.ipynb) | multinomial |
# | multi-label | several yes/no answers at once; none excludes another | [0](00_start_here.ipynb) | tagging |
# | regression | an answer that is a number, or several numbers | [0](00_start_here.ipynb) | |
# | one-hot | a row of zeros with a single one, at the place of the class | [2](02_wiring_heads.ipynb) | dummy coding |
# | multi-hot | a row of zeros and ones, with a one for each label that applies | [4](04_multi_label.ipynb) | k-hot |
# | map | a label for each pixel of an image | [6](06_missing_labels.ipynb) | segmentation mask |
# | missing label | nobody wrote this label down, for this image | [6](06_missing_labels.ipynb) | unannotated |
# | filler | the value that stands in the place of a missing label, with weight 0 | [6](06_missing_labels.ipynb) | dummy value |
# | training part, validation part, test part | the images that fit the weights; that choose between models; that judge the choice, once | [5](05_regression.ipynb) | dev set, hold-out set |
# | data set | images and their targets | [3](03_three_architectures.ipynb) | dataset |

# %% [markdown]
# ## Training
#
# | word | meaning | lesson | elsewhere |
# |---|---|---|---|
# | contract | which units, activation, loss, target and metric belong together in a head | [0](00_start_here.ipynb) | |
# | cross-entropy | the loss of a head that gives probabilities: minus the logarithm of the one that it gave to the true answer | [0](00_start_here.ipynb) | log loss |
# | metric | a score that is reported for a head, and not trained on | [0](00_start_here.ipynb) | |
# | loss weight | the factor of a head's loss in the sum that training lowers | [0](00_start_here.ipynb) | loss coefficient, task weight |
# | total loss | the sum of the heads' losses, each times its loss weight: what training lowers | [2](02_wiring_heads.ipynb) | joint loss, combined objective |
# | update | one change of the model's weights, from one batch | [0](00_start_here.ipynb) | iteration |
# | batch | the images of one update | [0](00_start_here.ipynb) | mini-batch, minibatch |
# | epoch | a stretch of training after which the scores are written down; often one pass over the images | [0](00_start_here.ipynb) | |
# | reduction | how a batch's losses become one number: their sum or their mean | [6](06_missing_labels.ipynb) | |
# | sweep | the same training for each of several settings | [7](07_loss_weights.ipynb) | grid run |
# | trade-off curve | the scores of two heads against each other, a point for each setting | [7](07_loss_weights.ipynb) | Pareto plot |
# | uncertainty weighting | a loss weight for each head, learned through its log-variance | [8](08_adaptive_weights.ipynb) | homoscedastic weighting |
# | auxiliary task | a task that is learned for the good of another one | [10](10_when_to_share.ipynb) | |
# | Pareto front | the places from which no head can improve unless another one gets worse | [9](09_gradient_conflict.ipynb) | |
# | worker | one of the processes that train a model together | [14](14_ship_and_scale.ipynb) | |
# | frozen | of layers: their weights are not trained | [14](14_ship_and_scale.ipynb) | |
# | conflict | the gradients of two heads on the trunk point in opposing directions: their cosine is negative | [9](09_gradient_conflict.ipynb) | gradient interference |

# %% [markdown]
# ## Judging answers
#
# | word | meaning | lesson | elsewhere |
# |---|---|---|---|
# | naive answer | the best answer that does not look at the image: the most frequent class, the median (for squared errors the mean) | [0](00_start_here.ipynb) | baseline, dummy score |
# | seed | the number that fixes what is random in a program; other seeds, or other draws from one, give other runs | [1](01_two_heads.ipynb) | |
# | spread | the standard deviation: of a score over several runs, or the one that a head states for a number | [3](03_three_architectures.ipynb) | |
# | point | one percentage point: from 80% to 81% | [3](03_three_architectures.ipynb) | |
# | contradiction | two heads' answers that cannot both be true | [1](01_two_heads.ipynb) | inconsistency |
# | both right | the share of images for which every head is right | [11](11_hierarchical_heads.ipynb) | joint accuracy |
# | F1 | twice the hits, divided by all "yes" plus all true labels | [4](04_multi_label.ipynb) | |
# | IoU | of the images that are in a class by answer or by target, the share that is in it by both | [2](02_wiring_heads.ipynb) | intersection over union, Jaccard |
# | mAP | the mean over labels of the average precision, which judges how a label orders the images | [4](04_multi_label.ipynb) | |
# | exact match | the share of images with all their labels right and none too many | [4](04_multi_label.ipynb) | zero-one score |
# | threshold | the probability from which on an answer is "yes", or from which on a head answers at all | [4](04_multi_label.ipynb) | cutoff, cut-off |
# | log-variance | the logarithm of a variance: what a head states so that the variance is never negative | [5](05_regression.ipynb) | |
# | coverage | the share of targets that lie inside their stated interval | [5](05_regression.ipynb) | |
# | calibrated | of the answers given with probability 0.8, eight in ten are right | [14](14_ship_and_scale.ipynb) | |
# | temperature | the number by which a head's logits are divided, to make its probabilities honest | [14](14_ship_and_scale.ipynb) | |
# | relative score | how much better a model is than separate networks, averaged over tasks, in percent | [10](10_when_to_share.ipynb) | delta-m |

# %% [markdown]
# ## Hierarchies
#
# | word | meaning | lesson | elsewhere |
# |---|---|---|---|
# | tree | classes in groups, and groups in groups: each has one parent | [11](11_hierarchical_heads.ipynb) | taxonomy |
# | leaf | a class that no other class belongs to | [11](11_hierarchical_heads.ipynb) | terminal node |
# | coarse, fine | the level of the groups; the level of the leaves | [11](11_hierarchical_heads.ipynb) | superclass |
# | conditional head | a softmax among the children of each parent; multiplied along the path, they give the leaf's probability | [11](11_hierarchical_heads.ipynb) | |
# | marginal likelihood | the probability of what is known: of a coarse label, the sum over its leaves | [12](12_partial_labels.ipynb) | |
# | graph | classes of which some may have two parents, without a circle | [13](13_hierarchy_graphs.ipynb) | DAG taxonomy |
# | sibling | a class with the same parent | [11](11_hierarchical_heads.ipynb) | |
# | coherent | of probabilities: they add up along the tree; of a set of classes: it is without violations | [13](13_hierarchy_graphs.ipynb) | |
# | violation | an answer holds a class without one of its parents | [13](13_hierarchy_graphs.ipynb) | |

# %% [markdown]
# ## Other pages
#
# The [cheat sheet](cheat_sheet.ipynb) has the contract of each kind of head, the lines of code to copy, and the traps by what
# you see. The course begins with [Start here](00_start_here.ipynb).
