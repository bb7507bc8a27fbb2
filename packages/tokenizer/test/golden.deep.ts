/** Every line of the golden lists, every set of rules compiled. */
import './golden.test.ts'
import './normalization.test.ts'
