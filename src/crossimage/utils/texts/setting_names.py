"""Names of our settings in other codebases of the field."""

from __future__ import annotations

from collections.abc import Collection

_ROWS: tuple[tuple[str, str, str], ...] = (
    # optimisation
    ("lr_D", "discriminator_learning_rate", "of the discriminator; learning_rate is the "
     "generator's"),
    ("disc_iterations", "", "one move of the discriminator per step"),
    ("lr lrG lrD lr_G lr_D g_lr d_lr lr_gen lr_dis", "learning_rate", "one for all players"),
    ("beta1 beta2 beta_1 beta_2", "betas", "both together: betas=0.5,0.999"),
    ("wd", "weight_decay", ""),
    ("f_lr", "mapping_learning_rate", ""),
    ("batchSize batch bs", "batch_size", "over all devices together"),
    ("max_iter n_iters total_iters total_iter iterations max_iter_step", "steps", ""),
    ("num_iters", "steps", "an iteration there is a move of the critic: 200000 of them with "
     "n_critic=5 are steps=40000 here"),
    ("niter n_epochs", "epochs", "all epochs, including those in which the learning rate falls"),
    ("num_epochs max_epochs nepoch n_epoch", "epochs", ""),
    ("niter_decay n_epochs_decay", "decay_epochs", "they are part of epochs: 100 + 100 there is "
     "epochs=200 decay_epochs=100 here"),
    ("num_iters_decay", "decay_steps", "they are part of steps; see num_iters"),
    ("lr_policy", "decay_epochs", "for a linear decay; decay_every and decay_factor for steps"),
    ("step_size lr_decay_iters lr_update_step", "decay_every", "in steps"),
    ("gamma", "decay_factor", ""),
    ("n_critic", "critic_moves", "a step here consists of this many moves of the critic and one of "
     "the generator"),
    ("pool_size", "history", ""),
    ("amp fp16 use_amp", "precision", "precision=bf16 or precision=fp16"),
    ("manualSeed manual_seed", "seed", ""),
    # networks
    ("input_nc output_nc nc input_dim_a input_dim_b", "channels", "of both domains: channels=3,1"),
    ("ngf g_conv_dim gf_dim n_feats num_feat", "width", ""),
    ("ndf d_conv_dim df_dim", "discriminator.width discriminator_width", ""),
    ("nef", "encoder_width", ""),
    ("nz", "style_dim z_dim", ""),
    ("max_conv_dim", "max_width", ""),
    ("hidden_dim", "mapping_width", ""),
    ("num_domains num_classes", "attributes", "their number follows from the class folders"),
    ("wing_path", "landmarks", "a file: landmarks=wing.ckpt"),
    ("netG which_model_netG", "generator", "generator=unet; for resnet_9blocks generator=resnet "
     "residual_blocks=9"),
    ("netG which_model_netG", "residual_blocks", "the number of blocks: 9 for resnet_9blocks"),
    ("netG which_model_netG", "downsamples", "the depth of the U-Net: 8 for unet_256"),
    ("netD which_model_netD n_layers_D", "discriminator.layers", "3 for netD=basic, 0 for pixel"),
    ("netE", "encoder", ""),
    ("n_res g_repeat_num n_blocks n_res_blks n_resblocks num_block", "residual_blocks", ""),
    ("n_downsample n_downs_content", "downsamples", ""),
    ("n_downs_class", "style_downsamples", ""),
    ("n_layer d_repeat_num", "discriminator.layers discriminator_layers", ""),
    ("num_scales num_D", "discriminator.scales", ""),
    ("gen", "width", "its settings have no group here: dim is width, mlp_dim is mlp_width, activ "
     "is activation, n_downsample is downsamples, n_res is residual_blocks, pad_type is padding"),
    ("dis", "discriminator.width", "and so on: dim is discriminator.width, n_layer "
     "discriminator.layers, num_scales discriminator.scales, gan_type is adversarial"),
    ("nf", "width", "of the generator; discriminator_width of the discriminator"),
    ("dim", "width", "of the generators; discriminator.width of the discriminators"),
    ("mlp_dim nf_mlp", "mlp_width", ""),
    ("n_mlp_blks", "mlp_layers", ""),
    ("activ", "activation", ""),
    ("pad_type", "padding", ""),
    ("gan_mode gan_type", "adversarial", "vanilla there is nsgan here"),
    ("gan_mode gan_type", "objective", "vanilla there is non-saturating here"),
    ("init_type", "init", "gaussian is called normal in some codebases"),
    ("init_type", "", "this method always starts as published"),
    ("no_dropout use_dropout", "dropout", "a rate: dropout=0 for none"),
    ("where_add", "inject", ""),
    ("normG", "norm", ""),
    ("normD", "discriminator.norm", ""),
    ("no_antialias", "antialias", "of generator and discriminator: antialias=false for none"),
    ("no_antialias_up", "upsampling", "upsampling=bilinear with antialiasing there, "
     "upsampling=transposed without"),
    ("netF netF_nc", "head_width", "the heads are those of mlp_sample"),
    ("num_patches", "patches", ""),
    ("nce_T", "temperature", ""),
    ("nce_includes_all_negatives_from_minibatch", "contrasted_crops", "a number of crops; "
     "batch_size there"),
    ("stylegan2_G_num_downsampling", "widths", "one number more than halvings"),
    ("CUT_mode", "flip_equivariance", "FastCUT is flip_equivariance=true weights.nce=10 "
     "weights.nce_identity=0 epochs=200 decay_epochs=50"),
    ("sp_attention", "attention", "attention=rows for 1, attention=none for 0"),
    ("c_dim c2_dim", "attributes", "their number follows from the attributes"),
    # losses
    ("lambda_A lambda_B lambda_cycle", "weights.cycle", "one for both directions"),
    ("lambda_identity lambda_idt", "weights.identity", "relative to lambda_A there, but not here: "
     "0.5 there with lambda_A=10 is 5 here"),
    ("lambda_L1", "weights.l1", ""),
    ("lambda_GAN", "weights.adversarial_vae", "of images from encoded codes; weights.adversarial "
     "for random ones"),
    ("lambda_GAN", "weights.adversarial", ""),
    ("lambda_GAN2", "weights.adversarial", "of images from random codes"),
    ("lambda_NCE", "weights.nce", "with nce_idt the mean of both terms counts there, so that 1 "
     "there is weights.nce=0.5 and weights.nce_identity=0.5 here"),
    ("nce_idt", "weights.nce_identity", "a weight, 0 for none; see lambda_NCE"),
    ("prob_add_noise", "noise_share", ""),
    ("prob_add_patch", "patch_share", ""),
    ("L1loss_weight", "weights.intensity", ""),
    ("loss_content_weight", "weights.content", "times pcploss_weight there: 1 with 0.05 is 0.05 "
     "here"),
    ("loss_style_weight", "weights.style", "times pcploss_weight there: 2 with 0.05 is 0.1 here"),
    ("pcploss_weight", "weights.content", "and weights.style, which it multiplies there"),
    ("lambda_z", "weights.latent", ""),
    ("lambda_reg lambda_R1", "weights.r1", ""),
    ("lambda_sty", "weights.style", ""),
    ("lambda_ds", "weights.diversity", ""),
    ("lambda_cyc", "weights.cycle", ""),
    ("ds_iter", "diversity_steps", ""),
    ("lambda_kl", "weights.kl", ""),
    ("lambda_cls", "weights.classification", ""),
    ("lambda_rec", "weights.reconstruction", ""),
    ("ld", "weights.penalty", ""),
    ("DiffAugment diffaug diff_augment", "augment", "the same names: "
     "augment=color,translation,cutout"),
    ("aug augpipe", "augment", "augment=adaptive for ada there; augment=none for noaug"),
    ("ada_kimg", "augment_images", "in images rather than thousands of them"),
    ("lambda_gp", "weights.penalty weights.gradient_penalty", ""),
    ("gan_w", "weights.adversarial", ""),
    ("recon_x_w", "weights.image", ""),
    ("r_w", "weights.image", ""),
    ("fm_w", "weights.features", ""),
    ("recon_s_w", "weights.style", ""),
    ("recon_c_w", "weights.content", ""),
    ("recon_x_cyc_w", "weights.cycle", ""),
    ("recon_kl_w", "weights.kl", ""),
    ("recon_kl_cyc_w", "weights.kl_cycle", ""),
    ("vgg_w", "weights.perceptual", "VGG-16 of torchvision, see perceptual_weights"),
    # images
    ("load_size loadSize new_size", "resize", "the shorter side; the longer one follows"),
    ("crop_size fineSize", "crop", "cropped at random after resizing"),
    ("celeba_crop_size rafd_crop_size", "crop", "cropped after resizing here, before it there: "
     "crop the images beforehand"),
    ("crop_image_height crop_image_width", "crop", "height and width together: crop=256,256"),
    ("image_size img_size imageSize", "crop", "also set resize to the same"),
    ("preprocess resize_or_crop", "resize", "resize=0 for images that are only cropped"),
    ("no_flip", "flip", "flip=false"),
    ("use_hflip", "flip", ""),
    ("use_rot", "rotate", "by 90, 180 or 270 degrees; with flip, all eight orientations"),
    ("no_augment", "flip", "flip=false, and rotate=false if the recipe rotates images"),
    ("upscale", "scale", ""),
    ("gt_size patch_size", "crop", "of the large images"),
    ("randcrop_prob", "resized_crop", ""),
    ("random_scale_max", "smallest_zoom", "the inverse: 3 there is 0.33 here"),
    ("direction which_direction", "direction", "AtoB there is a-to-b here"),
    ("direction which_direction", "", "there is nothing to set here: `crossimage translate --to` "
     "chooses the direction, and for a method that translates only from a to b, swap the folders"),
    ("selected_attrs", "attributes", "separated by commas"),
    ("nThreads num_workers num_threads n_workers", "workers", ""),
    # the run
    ("image_save_iter image_display_iter display_freq sample_step", "sample_every", "in steps"),
    ("display_size", "sample_count", ""),
    ("snapshot_save_iter save_latest_freq model_save_step", "save_every", "in steps"),
    ("save_epoch_freq", "save_every", "in steps rather than epochs"),
    ("log_iter print_freq log_step", "log_every", "in steps"),
    # what is an option rather than a setting, or is automatic
    ("dataroot data_root data_root_a data_root_b data_dir celeba_image_dir rafd_image_dir "
     "data_folder_train_a data_folder_train_b", "--data", ""),
    ("attr_path", "--data", "the folder that holds the table"),
    ("train_img_dir val_img_dir", "--data", "the folder that holds train and test"),
    ("name checkpoints_dir output_path model_save_dir log_dir sample_dir result_dir outf", "--out",
     "the run's folder"),
    ("gpu_ids num_gpus ngpu gpus", "--devices", "their number; CUDA_VISIBLE_DEVICES chooses them"),
    ("continue_train resume resume_iters epoch_count which_epoch", "", "the same command "
     "continues a run"),
    ("model dataset_mode dataset", "", "the recipe or method, the first word of the command, "
     "determines it"),
    ("init_gain display_id display_port display_winsize display_env use_wandb no_html verbose "
     "serial_batches max_dataset_size phase isTrain mode use_tensorboard vgg_model_path suffix", "",
     "there is nothing to set here"),
)  # fmt: skip
"""Names elsewhere, our keys of which a method has one, and what differs. A name may have several
rows; the first with a key of the method counts, and one without a key for all other methods."""


def setting_of(name: str, keys: Collection[str]) -> str | None:
    """Return a clause that says what a setting of another codebase is called here.

    Args:
        name: The name there.
        keys: The settings that exist here.

    Returns:
        The clause; None if no other codebase is known to have such a setting.
    """
    rows = [(ours.split(), note) for names, ours, note in _ROWS if name in names.split()]
    for candidates, note in rows:
        for key in candidates:
            if key in keys or key.startswith("--"):
                return f"it is called '{key}' here" + (f" ({note})" if note else "")
    for candidates, note in rows:
        if not candidates:
            return note
    if not rows:
        return None
    return f"it is '{rows[0][0][0]}' in other methods, and this one has no such setting"


def names_elsewhere() -> list[tuple[list[str], list[str], str]]:
    """Return what :func:`setting_of` knows: names there, names here, and what differs."""
    return [(names.split(), ours.split(), note) for names, ours, note in _ROWS]
