// One screen in array mode: prepare, so many parts, merge.
//
//   nextflow run cluster/nextflow/main.nf --screen screen.h5ad --parts 8 \
//       --options '--method nb-glm --perturbation-column gene'
//
// The run directory is shared by all tasks under its absolute path: what a task has saved outlives
// it, and a repeated task goes on from there.
nextflow.enable.dsl = 2

params.screen = 'screen.h5ad'
params.result = 'result.h5ad'
params.run_dir = "${params.result}.array"
params.options = '--method nb-glm --perturbation-column perturbation'
params.parts = 8
params.coordinator = 'crispyx-coordinator'
params.worker = 'crispyx-worker'

process PREPARE {
    cpus 4
    memory '8 GB'

    input:
    val screen
    val run_dir
    val result

    output:
    val run_dir

    script:
    """
    ${params.coordinator} prepare '${screen}' --run-dir '${run_dir}' --output '${result}' \\
        --threads ${task.cpus} --memory-limit ${task.memory.toMega()}M ${params.options}
    """
}

process FIT {
    cpus 4
    memory '8 GB'
    errorStrategy 'retry'
    maxRetries 2

    input:
    tuple val(run_dir), val(part)

    output:
    val part

    // Status 3: some perturbations cannot be fitted; merge names them.
    script:
    """
    ${params.worker} fit --run-dir '${run_dir}' --shard ${part}/${params.parts} \\
        --threads ${task.cpus} --memory-limit ${task.memory.toMega()}M || [ \$? -eq 3 ]
    """
}

process MERGE {
    memory '4 GB'

    input:
    val run_dir
    val parts

    output:
    stdout

    // Status 3: the result is there, without rows for the perturbations that the log names.
    script:
    """
    ${params.coordinator} merge --run-dir '${run_dir}' || [ \$? -eq 3 ]
    """
}

workflow {
    def run_dir = file(params.run_dir).toAbsolutePath().toString()
    def prepared = PREPARE(
        file(params.screen).toAbsolutePath().toString(),
        run_dir,
        file(params.result).toAbsolutePath().toString()
    )
    def parts = prepared.combine(Channel.of(0..<(params.parts as int)))
    MERGE(prepared, FIT(parts).collect()).view()
}
