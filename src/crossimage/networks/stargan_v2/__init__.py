"""Networks of StarGAN v2: residual blocks, generator, styles and discriminator, landmarks."""
