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
# The course uses one word for one thing. Each word stands here with the name that French texts use, and with the lesson that
# explains it. A dash means that no settled French name was found: French texts keep the English word. The last column lists
# names that you will meet elsewhere for the same thing; the course does not use them.

# %% [markdown]
# ## The model
#
# | word | in French | meaning | lesson | elsewhere |
# |---|---|---|---|---|
# | trunk | tronc partagé | the layers that all heads share | [1](01_two_heads.ipynb) | backbone, encoder, shared bottom, base network |
# | head | tête de sortie | the layers that give one answer, up to a named output | [1](01_two_heads.ipynb) | branch, tower, output branch |
# | parameters | paramètres | the numbers of a layer that training changes: weights and biases | [1](01_two_heads.ipynb) | |
# | features | caractéristiques | what the trunk gives to the heads: one row of numbers for an image | [4](04_multi_label.ipynb) | embedding, latent code |
# | unit | unité, neurone | one number that a layer gives for an image | [0](00_start_here.ipynb) | neuron |
# | softmax | *softmax* | the activation that turns k numbers into k probabilities with a total of 1: for one of k classes | [0](00_start_here.ipynb) | |
# | sigmoid | fonction sigmoïde | the activation that turns each number into a probability of its own: for yes/no questions | [0](00_start_here.ipynb) | logistic function |
# | logit | logit | what a softmax or sigmoid head computes before its activation: any real number | [2](02_wiring_heads.ipynb) | raw score |
# | multi-output | modèle multi-sorties | a model that gives more than one answer, from several heads | [0](00_start_here.ipynb) | multi-head model |
# | multi-task | apprentissage multitâche | one model that learns several targets together | [0](00_start_here.ipynb) | |
# | separate networks | - | one network for each task, with nothing shared | [3](03_three_architectures.ipynb) | single-task models |
# | one wide head | - | one `Dense` layer that computes all answers side by side, cut up afterwards | [3](03_three_architectures.ipynb) | joint output layer |
# | hard sharing | partage dur des poids | all tasks use one trunk | [10](10_when_to_share.ipynb) | shared-bottom model |
# | soft sharing | - | the training decides how much the tasks share: cross-stitch units, experts with gates | [10](10_when_to_share.ipynb) | |
# | request | requête | a question to a server; it answers with a status, such as 200 or 422, and a text | [14](14_ship.ipynb) | |
# | server | serveur | a program that waits for requests, and answers them | [14](14_ship.ipynb) | |
# | port | port | the number that tells the programs of one machine apart | [14](14_ship.ipynb) | |
# | JSON | format JSON | lists, and dictionaries with names, written as text | [14](14_ship.ipynb) | |
# | SavedModel | - | TensorFlow's folder for an exported model: what it computes, and its weights | [14](14_ship.ipynb) | |
# | signature | signature | what can be asked of an exported model, with the names of its inputs and outputs | [14](14_ship.ipynb) | |
# | expert, gate | expert, routeur | a small network that all tasks may use; the weights with which one task mixes the experts | [10](10_when_to_share.ipynb) | router |
# | freeze, frozen | geler, couches gelées | keep the parameters of a layer as they are while others train; such a layer is frozen | [17](17_your_pictures.ipynb) | |
# | transfer learning | apprentissage par transfert | begin with a trunk that was trained on another task | [17](17_your_pictures.ipynb) | |
# | moving statistics | - | the means and variances that `BatchNormalization` keeps for `predict` | [17](17_your_pictures.ipynb) | |
# | saliency map | carte de saillance | for each pixel, how strongly it moves an answer | [17](17_your_pictures.ipynb) | |

# %% [markdown]
# ## The data
#
# | word | in French | meaning | lesson | elsewhere |
# |---|---|---|---|---|
# | label | étiquette | what somebody wrote down about an image | [0](00_start_here.ipynb) | annotation, ground truth |
# | target | cible | what a head learns to answer; it may follow from a label | [0](00_start_here.ipynb) | response variable, gold answer |
# | task | tâche | a target together with its loss | [0](00_start_here.ipynb) | subtask, sub-task |
# | binary | classification binaire | one yes/no question | [0](00_start_here.ipynb) | |
# | multi-class | classification à classes multiples | one answer out of several classes that exclude each other | [0](00_start_here.ipynb) | multinomial |
# | multi-label | classification multiétiquette | several yes/no answers at once; none excludes another | [0](00_start_here.ipynb) | tagging |
# | regression | régression | an answer that is a number, or several numbers | [0](00_start_here.ipynb) | |
# | one-hot | encodage *one-hot*, encodage 1 parmi n | a row of zeros with a single one, at the place of the class | [2](02_wiring_heads.ipynb) | dummy coding |
# | multi-hot | - | a row of zeros and ones, with a one for each label that applies | [4](04_multi_label.ipynb) | k-hot |
# | map | carte de segmentation | a label for each pixel of an image | [6](06_missing_labels.ipynb) | segmentation mask |
# | missing label | étiquette manquante | nobody wrote this label down, for this image | [6](06_missing_labels.ipynb) | unannotated |
# | filler | - | the value that stands in the place of a missing label, with weight 0 | [6](06_missing_labels.ipynb) | dummy value |
# | training part, validation part, test part | jeu d'entraînement, jeu de validation, jeu de test | the images that fit the weights; that choose between models; that judge the choice, once | [5](05_regression.ipynb) | dev set, hold-out set |
# | preprocessing | prétraitement | the steps from raw rows to the numbers that a network takes | [16](16_your_table.ipynb) | |
# | leak | fuite de données | the training learned something from the test part, so the score is too good | [16](16_your_table.ipynb) | |
# | target encoding | - | a text is replaced by the mean target of its rows | [16](16_your_table.ipynb) | |
# | data set | jeu de données | images and their targets | [3](03_three_architectures.ipynb) | dataset |
# | augmentation | augmentation de données | new images from old ones, as by turning them; targets that change must change too | [17](17_your_pictures.ipynb) | |
# | window | fenêtre | the last steps of a series as inputs, and the steps after them as targets | [18](18_your_series.ipynb) | |
# | horizon | horizon de prévision | how many steps ahead a model predicts | [18](18_your_series.ipynb) | |
# | departure | anomalie | what a value is above or below the season's mean | [18](18_your_series.ipynb) | |
# | origin | origine de la prévision | the time at which a forecast is made: all before it is known, nothing after it | [18](18_your_series.ipynb) | |
# | padded | - | filled up to one length, so that sequences of different length fit into one array | [18](18_your_series.ipynb) | |

# %% [markdown]
# ## Training
#
# | word | in French | meaning | lesson | elsewhere |
# |---|---|---|---|---|
# | contract | - | which units, activation, loss, target and metric belong together in a head | [0](00_start_here.ipynb) | |
# | loss | fonction de perte | what training lowers for a head: how far its answers lie from the targets, as one number | [0](00_start_here.ipynb) | cost function |
# | cross-entropy | entropie croisée | the loss of a head that gives probabilities: minus the logarithm of the one that it gave to the true answer | [0](00_start_here.ipynb) | log loss |
# | metric | métrique | a score that is reported for a head, and not trained on | [0](00_start_here.ipynb) | |
# | loss weight | poids de perte | the factor of a head's loss in the sum that training lowers | [0](00_start_here.ipynb) | loss coefficient, task weight |
# | total loss | perte totale | the sum of the heads' losses, each times its loss weight: what training lowers | [2](02_wiring_heads.ipynb) | joint loss, combined objective |
# | class weights | poids des classes | a weight for each row of a batch, by its class; with several heads Keras takes weights of the rows instead of `class_weight` | [4](04_multi_label.ipynb) | |
# | update | mise à jour des poids | one change of the model's weights, from one batch | [0](00_start_here.ipynb) | iteration |
# | batch | lot | the images of one update | [0](00_start_here.ipynb) | mini-batch, minibatch |
# | epoch | époque | a stretch of training after which the scores are written down; often one pass over the images | [0](00_start_here.ipynb) | |
# | reduction | réduction | how a batch's losses become one number: their sum or their mean | [6](06_missing_labels.ipynb) | |
# | sweep | balayage d'hyperparamètres | the same training for each of several settings | [7](07_loss_weights.ipynb) | grid run |
# | trade-off curve | courbe de compromis | the scores of two heads against each other, a point for each setting | [7](07_loss_weights.ipynb) | Pareto plot |
# | uncertainty weighting | pondération par l'incertitude | a loss weight for each head, learned through its log-variance | [8](08_adaptive_weights.ipynb) | homoscedastic weighting |
# | auxiliary task | tâche auxiliaire | a task that is learned for the good of another one | [10](10_when_to_share.ipynb) | |
# | Pareto front | front de Pareto | the places from which no head can improve unless another one gets worse | [9](09_gradient_conflict.ipynb) | |
# | mixed precision | précision mixte | computing in 16 bits, with weights of 32 | [15](15_operate.ipynb) | |
# | worker | - | one of the processes that train a model together | [15](15_operate.ipynb) | |
# | norm | norme | the length of a gradient, taken as one long vector | [5](05_regression.ipynb) | |
# | cosine similarity | similarité cosinus | the cosine of the angle between two gradients, from -1 to 1 | [9](09_gradient_conflict.ipynb) | |
# | Gram matrix | matrice de Gram | the scalar product of each head's gradient with each other's, in rows and columns | [9](09_gradient_conflict.ipynb) | |
# | conflict | conflit de gradients | the gradients of two heads on the trunk point in opposing directions: their cosine similarity is negative | [9](09_gradient_conflict.ipynb) | gradient interference |

# %% [markdown]
# ## Judging answers
#
# | word | in French | meaning | lesson | elsewhere |
# |---|---|---|---|---|
# | baseline | modèle de référence | the best answer that does not look at the image: the most frequent class, the median (for squared errors the mean) | [0](00_start_here.ipynb) | naive answer, dummy score |
# | persistence | persistance | the baseline for a series that says: it stays as it is now | [18](18_your_series.ipynb) | |
# | damped | - | the baseline for a series whose departure from the season's mean fades from step to step | [18](18_your_series.ipynb) | |
# | boosted trees | *gradient boosting* | small decision trees, one after the other, each fitted to what is still wrong | [18](18_your_series.ipynb) | |
# | season's mean | climatologie | the baseline for a series that says: as usual for this day of the year | [18](18_your_series.ipynb) | |
# | seed | graine | the number that fixes what is random in a program; other seeds, or other draws from one, give other runs | [1](01_two_heads.ipynb) | |
# | standard deviation | écart type | how far numbers lie from their mean: scores of several runs, or a target from the mean that a head states for it | [0](00_start_here.ipynb) | spread |
# | cross-validation | validation croisée | the rows are cut into parts, and each is the test part once | [16](16_your_table.ipynb) | |
# | standard error | erreur type | how far a mean of scores lies from what it would be over all such tables: of the mean, not of one score | [16](16_your_table.ipynb) | |
# | point | point de pourcentage | one percentage point: from 80% to 81% | [3](03_three_architectures.ipynb) | |
# | contradiction | - | two heads' answers that cannot both be true | [1](01_two_heads.ipynb) | inconsistency |
# | both right | - | the share of images for which every head is right | [11](11_hierarchical_heads.ipynb) | joint accuracy |
# | F1 | score F1 | twice the hits, divided by all "yes" plus all true labels | [4](04_multi_label.ipynb) | |
# | IoU | intersection sur union, indice de Jaccard | of the images that are in a class by answer or by target, the share that is in it by both | [2](02_wiring_heads.ipynb) | intersection over union, Jaccard |
# | mAP | moyenne de la précision moyenne | the mean over labels of the average precision, which judges how a label orders the images | [4](04_multi_label.ipynb) | |
# | exact match | correspondance exacte | the share of images with all their labels right and none too many | [4](04_multi_label.ipynb) | zero-one score |
# | threshold | seuil | the probability from which on an answer is "yes", or from which on a head answers at all | [4](04_multi_label.ipynb) | cutoff, cut-off |
# | log-variance | log-variance | the logarithm of a variance: what a head states so that the variance is never negative | [5](05_regression.ipynb) | |
# | coverage | taux de couverture | the share of targets that lie inside their stated interval | [5](05_regression.ipynb) | |
# | quantile | quantile | the number that lies above a given share of the values: above 90% for the level 0.9 | [18](18_your_series.ipynb) | |
# | pinball loss | perte pinball | the loss whose best answer is the quantile of a level: too low costs `level` for each unit, too high `1 - level` | [18](18_your_series.ipynb) | |
# | Brier score | score de Brier | the mean squared difference between a predicted probability and 0 or 1 | [18](18_your_series.ipynb) | |
# | calibrated | calibré, étalonné | of the answers given with probability 0.8, eight in ten are right | [15](15_operate.ipynb) | |
# | temperature | température | the number by which a head's logits are divided, to make its probabilities honest | [15](15_operate.ipynb) | |
# | relative score | - | how much better a model is than separate networks, averaged over tasks, in percent | [10](10_when_to_share.ipynb) | delta-m |

# %% [markdown]
# ## Hierarchies
#
# | word | in French | meaning | lesson | elsewhere |
# |---|---|---|---|---|
# | tree | arbre | classes in groups, and groups in groups: each has one parent | [11](11_hierarchical_heads.ipynb) | taxonomy |
# | leaf | nœud feuille | a class that no other class belongs to | [11](11_hierarchical_heads.ipynb) | terminal node |
# | coarse, fine | classes grossières, classes fines | the level of the groups; the level of the leaves | [11](11_hierarchical_heads.ipynb) | superclass |
# | conditional head | - | a softmax among the children of each parent; multiplied along the path, they give the leaf's probability | [11](11_hierarchical_heads.ipynb) | |
# | marginal likelihood | vraisemblance marginale | the probability of what is known: of a coarse label, the sum over its leaves | [12](12_partial_labels.ipynb) | |
# | graph | graphe orienté acyclique | classes of which some may have two parents, without a circle | [13](13_hierarchy_graphs.ipynb) | DAG taxonomy |
# | sibling | nœud frère | a class with the same parent | [11](11_hierarchical_heads.ipynb) | |
# | coherent | - | of probabilities: they add up along the tree; of a set of classes: it is without violations | [13](13_hierarchy_graphs.ipynb) | |
# | violation | - | an answer holds a class without one of its parents | [13](13_hierarchy_graphs.ipynb) | |

# %% [markdown]
# ## Other pages
#
# The [cheat sheet](cheat_sheet.ipynb) has the contract of each kind of head, the lines of code to copy, and the traps by what
# you see. The course begins with [Start here](00_start_here.ipynb).
