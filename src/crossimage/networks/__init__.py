"""Networks and their building blocks, configured by plain numbers rather than by a config.

- Generators: ``ResnetGenerator`` (generators), ``UNet`` (unet), ``LabelledGenerator`` (labelled),
  ``VectorGenerator`` (dcgan), ``SRResNet`` (srresnet), ``Refiner`` (denoising).
- Encoders and decoders: ``ContentEncoder``, ``StyleEncoder``, ``Decoder``, ``AdaINDecoder``
  (autoencoders), ``VariationalEncoder``, ``PatchHeads`` (encoders), ``CoupledVAE`` (coupled).
- Discriminators: ``MultiScaleDiscriminator``, ``PatchDiscriminator``, ``AttributeDiscriminator``
  (discriminators), ``LabelledDiscriminator`` (labelled), ``ImageDiscriminator`` (dcgan),
  ``DenseDiscriminator`` (srresnet), ``CoupledDiscriminator`` (coupled).
- Feature networks: ``VGG16Features``, ``VGG19Features`` (pretrained), ``FeatureNetwork``
  (features).
- Helpers: ``History`` (history) replays generated images. ``layers`` holds the blocks, norms and
  upsampling that networks are built from, and ``NetworkDict``, one network per domain.
"""
