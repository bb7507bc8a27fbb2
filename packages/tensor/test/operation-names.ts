/** Every operation with its names in PyTorch and JAX: `name | torch | jax`; a dash where there is none. */
const lines = `
abs | torch.abs | jnp.abs
acos | torch.acos | jnp.arccos
add | torch.add | jnp.add
all | torch.all | jnp.all
any | torch.any | jnp.any
argMax | torch.argmax | jnp.argmax
argMin | torch.argmin | jnp.argmin
argSort | torch.argsort(stable=True) | jnp.argsort
asin | torch.asin | jnp.arcsin
atan | torch.atan | jnp.arctan
atan2 | torch.atan2 | jnp.arctan2
attention | F.scaled_dot_product_attention | jax.nn.dot_product_attention
avgPool1d | F.avg_pool1d | flax.linen.avg_pool
avgPool2d | F.avg_pool2d | flax.linen.avg_pool
barrier | - | lax.optimization_barrier
batchNorm | F.batch_norm | flax.linen.BatchNorm
bernoulli | torch.bernoulli | jax.random.bernoulli
bitcast | Tensor.view(dtype) | lax.bitcast_convert_type
bitwiseAnd | torch.bitwise_and | jnp.bitwise_and
bitwiseOr | torch.bitwise_or | jnp.bitwise_or
bitwiseXor | torch.bitwise_xor | jnp.bitwise_xor
broadcastTo | torch.broadcast_to | jnp.broadcast_to
cast | Tensor.to(dtype) | x.astype
castStochastic | - | -
categorical | torch.distributions.Categorical | jax.random.categorical
ceil | torch.ceil | jnp.ceil
clamp | torch.clamp | jnp.clip
concatenate | torch.cat | jnp.concatenate
conv1d | F.conv1d | lax.conv_general_dilated
conv2d | F.conv2d | lax.conv_general_dilated
cos | torch.cos | jnp.cos
cosh | torch.cosh | jnp.cosh
crossEntropy | F.cross_entropy(reduction='none') | optax.softmax_cross_entropy_with_integer_labels
cumprod | torch.cumprod | jnp.cumprod
cumsum | torch.cumsum | lax.cumsum
dequantizeBlocks | - | -
diag | torch.diag | jnp.diag
div | torch.div | jnp.divide
dropout | F.dropout | flax.linen.Dropout
einsum | torch.einsum | jnp.einsum
elu | F.elu | jax.nn.elu
equal | torch.eq | jnp.equal
erf | torch.erf | jax.scipy.special.erf
exp | torch.exp | jnp.exp
expandDims | torch.unsqueeze | jnp.expand_dims
expm1 | torch.expm1 | jnp.expm1
eye | torch.eye | jnp.eye
flip | torch.flip | jnp.flip
floor | torch.floor | jnp.floor
full | torch.full | jnp.full
gather | torch.take_along_dim | jnp.take_along_axis
gelu | F.gelu | jax.nn.gelu
greater | torch.gt | jnp.greater
greaterEqual | torch.ge | jnp.greater_equal
groupNorm | F.group_norm | flax.linen.GroupNorm
groupedMatmul | torch._grouped_mm | jax.lax.ragged_dot
hardSigmoid | F.hardsigmoid | jax.nn.hard_sigmoid
hardSwish | F.hardswish | jax.nn.hard_swish
iota | torch.arange | lax.broadcasted_iota
isFinite | torch.isfinite | jnp.isfinite
isNaN | torch.isnan | jnp.isnan
layerNorm | F.layer_norm | flax.linen.LayerNorm
leakyRelu | F.leaky_relu | jax.nn.leaky_relu
less | torch.lt | jnp.less
lessEqual | torch.le | jnp.less_equal
linearCrossEntropy | - | -
linspace | torch.linspace | jnp.linspace
log | torch.log | jnp.log
log1p | torch.log1p | jnp.log1p
log2 | torch.log2 | jnp.log2
logSigmoid | F.logsigmoid | jax.nn.log_sigmoid
logSoftmax | F.log_softmax | jax.nn.log_softmax
logSumExp | torch.logsumexp | jax.nn.logsumexp
logicalAnd | torch.logical_and | jnp.logical_and
logicalNot | torch.logical_not | jnp.logical_not
logicalOr | torch.logical_or | jnp.logical_or
logicalXor | torch.logical_xor | jnp.logical_xor
matmul | torch.matmul | jnp.matmul
max | torch.amax | jnp.max
maxPool1d | F.max_pool1d | flax.linen.max_pool
maxPool2d | F.max_pool2d | flax.linen.max_pool
maximum | torch.maximum | jnp.maximum
mean | torch.mean | jnp.mean
meshgrid | torch.meshgrid(indexing='ij') | jnp.meshgrid(indexing='ij')
min | torch.amin | jnp.min
minimum | torch.minimum | jnp.minimum
mod | torch.remainder | jnp.mod
mse | F.mse_loss | -
mul | torch.mul | jnp.multiply
nanToNum | torch.nan_to_num | jnp.nan_to_num
neg | torch.neg | jnp.negative
nllLoss | F.nll_loss(reduction='none') | -
norm | torch.linalg.vector_norm | jnp.linalg.norm
notEqual | torch.ne | jnp.not_equal
oneHot | F.one_hot | jax.nn.one_hot
ones | torch.ones | jnp.ones
onesLike | torch.ones_like | jnp.ones_like
outer | torch.outer | jnp.outer
pad | F.pad | jnp.pad
permutation | torch.randperm | jax.random.permutation
pow | torch.pow | jnp.power
prod | torch.prod | jnp.prod
randomBits | - | jax.random.bits
randomInt | torch.randint | jax.random.randint
randomNormal | torch.randn | jax.random.normal
randomUniform | torch.rand | jax.random.uniform
reciprocal | torch.reciprocal | jnp.reciprocal
relu | F.relu | jax.nn.relu
repeat | torch.repeat_interleave | jnp.repeat
reshape | torch.reshape | jnp.reshape
rmsNorm | F.rms_norm | flax.linen.RMSNorm
roll | torch.roll | jnp.roll
rotary | - | -
rotaryTables | - | -
round | torch.round | jnp.round
rsqrt | torch.rsqrt | lax.rsqrt
scaledMatmul | torch._scaled_mm | jax.nn.scaled_matmul
scatter | torch.scatter | jnp.put_along_axis
scatterAdd | torch.scatter_add | x.at[ids].add
scatterAddRows | torch.index_add | jax.ops.segment_sum
shiftLeft | torch.bitwise_left_shift | jnp.left_shift
shiftRight | - | lax.shift_right_logical
sigmoid | torch.sigmoid | jax.nn.sigmoid
sign | torch.sign | jnp.sign
silu | F.silu | jax.nn.silu
sin | torch.sin | jnp.sin
sinh | torch.sinh | jnp.sinh
slice | Tensor.narrow | lax.dynamic_slice
sliceAxis | Tensor.narrow | lax.slice_in_dim
softmax | F.softmax | jax.nn.softmax
softplus | F.softplus | jax.nn.softplus
sort | torch.sort(stable=True) | jnp.sort
split | torch.split | jnp.split
splitKey | - | jax.random.split
sqrt | torch.sqrt | jnp.sqrt
square | torch.square | jnp.square
squeeze | torch.squeeze | jnp.squeeze
stack | torch.stack | jnp.stack
std | torch.std | jnp.std(ddof=1)
stopGradient | Tensor.detach | lax.stop_gradient
sub | torch.sub | jnp.subtract
sum | torch.sum | jnp.sum
swapAxes | torch.transpose | jnp.swapaxes
swiglu | - | -
take | F.embedding, torch.index_select | jnp.take
takeLast | torch.gather | jnp.take_along_axis
tan | torch.tan | jnp.tan
tanh | torch.tanh | jnp.tanh
tile | torch.tile | jnp.tile
topK | torch.topk | lax.top_k
trace | torch.trace | jnp.trace
transpose | torch.permute | jnp.transpose
tril | torch.tril | jnp.tril
triu | torch.triu | jnp.triu
trunc | torch.trunc | jnp.trunc
variance | torch.var | jnp.var(ddof=1)
where | torch.where | jnp.where
writeRows | torch.slice_scatter | lax.dynamic_update_slice
zeros | torch.zeros | jnp.zeros
zerosLike | torch.zeros_like | jnp.zeros_like
`

export const operationNames: ReadonlyMap<string, readonly [torch: string, jax: string]> = new Map(
  lines
    .trim()
    .split('\n')
    .map((line) => line.split(' | '))
    .map(([name, torch, jax]) => [name, [torch, jax]]),
)

/** What functions of tensors become. */
export const transformNames: ReadonlyMap<string, readonly [torch: string, jax: string]> = new Map([
  ['checkpoint', ['torch.utils.checkpoint', 'jax.checkpoint']],
  ['compile', ['torch.compile', 'jax.jit']],
  ['compileScan', ['-', 'lax.scan']],
  ['grad', ['torch.func.grad', 'jax.grad']],
  ['hessian', ['torch.func.hessian', 'jax.hessian']],
  ['jacobian', ['torch.func.jacrev', 'jax.jacrev']],
  ['jvp', ['torch.func.jvp', 'jax.jvp']],
  ['scan', ['-', 'lax.scan(unroll=True)']],
  ['valueAndGrad', ['torch.func.grad_and_value', 'jax.value_and_grad']],
  ['vjp', ['torch.func.vjp', 'jax.vjp']],
  ['vmap', ['torch.func.vmap', 'jax.vmap']],
])
