// The Jenkinsfile's promises; run by jenkins.groovy, which loads the classes of pipeline.groovy.

file = new File(args[0])
root = file.absoluteFile.parentFile
GIVEN = [STATE_BUCKET: 'state-of-ours', NOTIFY: 'ops@example.org,dev@example.org']

INIT = 'terraform init -no-color -backend-config="bucket=$STATE_BUCKET" -backend-config="env/$ENVIRONMENT.tfbackend" -reconfigure'
PLAN = 'terraform plan -no-color -lock-timeout=5m -var-file="env/$ENVIRONMENT.tfvars" -out=tfplan'
DESTROY_PLAN = 'terraform plan -destroy -no-color -lock-timeout=5m -var-file="env/$ENVIRONMENT.tfvars" -out=tfplan'
SHOW = 'terraform show -no-color tfplan > plan.txt'
APPLY = 'terraform apply -no-color -lock-timeout=5m tfplan'
BUILD = ['make lambda', 'test -f "build/acc-lambda-$ARCHITECTURE.zip"']
CHECKS = ['terraform fmt -check -recursive', 'terraform validate -no-color']
CREATE = BUILD + ['make check', INIT] + CHECKS + [PLAN, SHOW, APPLY, 'terraform output -json > outputs.json']
DESTROYABLE = "grep -Eq '^force_destroy *= *true' \"terraform/env/\$ENVIRONMENT.tfvars\" && " +
	"! grep -Eq '^deletion_protection *= *true' \"terraform/env/\$ENVIRONMENT.tfvars\""
DESTROY = BUILD + [INIT] + CHECKS + [DESTROYABLE, DESTROY_PLAN, SHOW, APPLY]

class Broken extends RuntimeException {
	Broken(String message) { super(message) }
}

void expect(String what, is, wanted) {
	if (is != wanted)
		throw new Broken("${what} is ${is}, not ${wanted}")
}

def commands(run) { run.events.findAll { it.step == 'sh' }*.args }
def events(run, step) { run.events.findAll { it.step == step } }

// What holds however a run goes.
void always(run, params) {
	for (e in events(run, 'sh')) {
		expect("directory of ${e.args}", e.dir, e.args.startsWith('terraform ') ? 'terraform' : '')
		if (e.args.startsWith('terraform ') && !('lock' in e.inside))
			throw new Broken("${e.args} runs without the environment's lock")
		for (value in [params.STATE_BUCKET, params.NOTIFY])
			if (value && e.args.contains(value))
				throw new Broken("${e.args} holds a parameter's text")
		for (name in e.args.findAll(/\$\w+/))
			if (!(name.substring(1) in e.env.keySet()))
				throw new Broken("${e.args} uses ${name}, which is not set")
		expect("credentials around ${e.args}", 'credentials' in e.inside,
			params.AWS_CREDENTIALS as boolean && e.args.startsWith('terraform '))
		def wanted = e.args.startsWith('terraform ') ? '["ops@example.org","dev@example.org"]' : null
		if (params.NOTIFY == GIVEN.NOTIFY)
			expect("alarm addresses of ${e.args}", e.env.TF_VAR_alarm_emails, wanted)
		expect('architecture', e.env.TF_VAR_architecture, params.ARCHITECTURE ?: 'x86_64')
	}
	def locks = events(run, 'option').findAll { it.args[0] == 'lock' }*.args.collect { it[1][0].resource.toString() }
	expect('locks', locks.every { it == "accommodation-consolidator-${params.ENVIRONMENT ?: 'dev'}".toString() }, true)
	expect('concurrent builds excluded', events(run, 'option').any { it.args[0] == 'disableConcurrentBuilds' }, true)
	expect('the last event', run.events.last().step, 'deleteDir')
	def applied = run.events.findIndexOf { it.step == 'sh' && it.args == APPLY }
	def archived = run.events.findIndexOf { it.step == 'archive' && it.args == 'terraform/plan.txt' }
	if (applied >= 0) {
		if (archived < 0 || archived > applied)
			throw new Broken('a plan is applied that was not archived')
		def asked = run.events.findIndexOf { it.step == 'input' }
		if (!params.AUTO_APPROVE && (asked < archived || asked > applied))
			throw new Broken('a plan is applied that nobody was asked about')
	}
}

void scenario(text, Map params, Map how, String result, List sh, List mails) {
	def given = GIVEN + params
	def run = new PipelineRun(text, [params: given] + how).run()
	expect('result', run.result, result)
	expect('commands', commands(run), sh)
	expect('mails', events(run, 'mail')*.args*.subject,
		mails.collect { "Accommodation consolidator: ${given.ACTION ?: 'create'} ${given.ENVIRONMENT ?: 'dev'} ${it}".toString() })
	expect('addresses', events(run, 'mail').every { it.args.to == 'ops@example.org, dev@example.org' }, true)
	always(run, given)
}

void invalid(text, Map params) {
	try {
		new PipelineRun(text, [params: GIVEN + params]).run()
	} catch (InvalidPipeline e) {
		return
	}
	throw new Broken("${params} is not rejected")
}

SCENARIOS = [
	'create: built, tested, planned, approved, applied, mailed': { text ->
		for (environment in ['dev', 'staging', 'prod'])
			scenario(text, [ENVIRONMENT: environment], [:], 'SUCCESS', CREATE, ['done'])
	},
	'create for arm64': { text -> scenario(text, [ARCHITECTURE: 'arm64'], [:], 'SUCCESS', CREATE, ['done']) },
	'create with an AWS credential': { text ->
		scenario(text, [AWS_CREDENTIALS: 'aws-deploy'], [:], 'SUCCESS', CREATE, ['done'])
	},
	'artifacts are kept for review': { text ->
		def run = new PipelineRun(text, [params: GIVEN]).run()
		expect('archives', events(run, 'archive')*.args,
			['build/acc-lambda-*.zip', 'terraform/plan.txt', 'terraform/outputs.json'])
	},
	'destroy: confirmed by name, the reviewed plan is applied': { text ->
		for (environment in ['dev', 'prod'])
			scenario(text, [ENVIRONMENT: environment, ACTION: 'destroy'], [input: environment], 'SUCCESS', DESTROY, ['done'])
	},
	'destroy: not where AWS would refuse the half of it': { text ->
		for (values in [[dev: 0, staging: 1, prod: 1]])
			values.each { environment, status ->
				def shell = ['env', "ENVIRONMENT=${environment}", 'sh', '-c', DESTROYABLE].execute(null, root)
				expect("destroying ${environment}", shell.waitFor(), status)
			}
	},
	'approval: by those who are named, and whom Jenkins names more than who starts the build': { text ->
		for (answer in [[ACTION: 'create'], [ACTION: 'destroy', typed: 'prod']])
			for (named in [[[:], '', ''], [[:], 'ann, release', 'ann, release'],
				[[DEPLOY_APPROVERS: 'release'], '', 'release'], [[DEPLOY_APPROVERS: 'release'], 'ann', 'release']]) {
				def (environment, approvers, wanted) = named
				def run = new PipelineRun(text, [env: environment, input: answer.typed,
					params: GIVEN + [ENVIRONMENT: 'prod', ACTION: answer.ACTION, APPROVERS: approvers]]).run()
				expect('result', run.result, 'SUCCESS')
				expect('who may approve', events(run, 'input')*.args*.submitter, [wanted])
			}
	},
	'destroy: a wrong name destroys nothing': { text ->
		for (typed in ['dev', '', null])
			scenario(text, [ENVIRONMENT: 'prod', ACTION: 'destroy'], [input: typed], 'FAILURE', DESTROY - APPLY, ['FAILED'])
	},
	'refused approval applies nothing and mails nothing': { text ->
		scenario(text, [:], [input: 'abort'], 'ABORTED', CREATE.takeWhile { it != APPLY }, [])
		scenario(text, [ACTION: 'destroy'], [input: 'abort'], 'ABORTED', DESTROY - APPLY, [])
	},
	'a build that is aborted is mailed where it has begun to apply': { text ->
		scenario(text, [:], [abort: ~/^make check/], 'ABORTED', CREATE.takeWhile { it != INIT }, [])
		for (action in [create: CREATE, destroy: DESTROY])
			scenario(text, [ACTION: action.key], [input: 'dev', abort: ~/^terraform apply/], 'ABORTED',
				action.value.takeWhile { it != APPLY } + APPLY, ['ABORTED while it was applied'])
	},
	'a failing command ends the build and is mailed': { text ->
		CREATE.eachWithIndex { command, i ->
			scenario(text, [:], [fail: ~('^' + java.util.regex.Pattern.quote(command))], 'FAILURE', CREATE[0..i], ['FAILED'])
		}
		DESTROY.eachWithIndex { command, i ->
			scenario(text, [ACTION: 'destroy'], [input: 'dev', fail: ~('^' + java.util.regex.Pattern.quote(command))],
				'FAILURE', DESTROY[0..i], ['FAILED'])
		}
	},
	'dev may be created without approval': { text ->
		scenario(text, [AUTO_APPROVE: true], [input: 'abort'], 'SUCCESS', CREATE, ['done'])
	},
	'nothing else may skip approval': { text ->
		scenario(text, [AUTO_APPROVE: true, ENVIRONMENT: 'staging'], [:], 'FAILURE', [], ['FAILED'])
		scenario(text, [AUTO_APPROVE: true, ENVIRONMENT: 'prod'], [:], 'FAILURE', [], ['FAILED'])
		scenario(text, [AUTO_APPROVE: true, ACTION: 'destroy'], [input: 'dev'], 'FAILURE', [], ['FAILED'])
	},
	'without a state bucket nothing is built': { text ->
		for (bucket in ['', 'Not a bucket', 'x"; rm -rf /; "'])
			scenario(text, [STATE_BUCKET: bucket], [:], 'FAILURE', [], ['FAILED'])
	},
	'what is no mail address is refused': { text ->
		def run = new PipelineRun(text, [params: GIVEN + [NOTIFY: 'ops"]']]).run()
		expect('result', run.result, 'FAILURE')
		expect('commands', commands(run), [])
	},
	'without addresses the log says that no mail is sent': { text ->
		def run = new PipelineRun(text, [params: GIVEN + [NOTIFY: '']]).run()
		expect('result', run.result, 'SUCCESS')
		expect('mails', events(run, 'mail'), [])
		expect('said', events(run, 'echo')*.args, ['NOTIFY is empty: no mail'])
		expect('alarm addresses', events(run, 'sh').find { it.args == PLAN }?.env?.TF_VAR_alarm_emails, '[]')
	},
	'other environments and actions are no choice': { text ->
		invalid(text, [ENVIRONMENT: 'qa'])
		invalid(text, [ACTION: 'recreate'])
	},
	'no credential stands in the file': { text ->
		expect('secrets', text.findAll(/AKIA[A-Z0-9]{16}|(?i)(password|secret_access_key|secret_key|token)\s*[:=]/), [])
	},
]

// [what is broken, text, text instead]: at least one scenario has to fail.
MUTANTS = [
	['unbalanced braces', "stage('Build') {", "stage('Build')"],
	['misspelt section', '\tstages {', '\tstagess {'],
	['misspelt directive', "\t\t\twhen {\n\t\t\t\texpression { params.ACTION == 'create' }", "\t\t\twhenever {\n\t\t\t\texpression { params.ACTION == 'create' }"],
	['stage without steps', "steps {\n\t\t\t\tsh 'make check'\n\t\t\t}", ''],
	['statement outside script', "sh 'make check'", "def x = 1\n\t\t\t\tsh 'make check'"],
	['unknown step', "sh 'make check'", "shell 'make check'"],
	['unknown post condition', '\t\tcleanup {', '\t\tfinally_ {'],
	['no agent', '\tagent any\n', ''],
	['not tested', "sh 'make check'", "sh 'make'"],
	['not planned with the environment\'s values', '-var-file="env/$ENVIRONMENT.tfvars" ', ''],
	['another plan is applied', "terraform('apply -no-color -lock-timeout=5m tfplan')\n\t\t\t\t\t\t\tterraform('output", "terraform('apply -no-color -auto-approve')\n\t\t\t\t\t\t\tterraform('output"],
	['creating destroys', "params.ACTION == 'destroy' ? ' -destroy' : ''", "' -destroy'"],
	['destroying creates', "params.ACTION == 'destroy' ? ' -destroy' : ''", "''"],
	['destroying what is protected', 'if (refused)', 'if (false)'],
	['plan not shown', "\t\t\t\t\t\tarchiveArtifacts artifacts: 'terraform/plan.txt'\n", ''],
	['not asked', 'input(message: "Apply the archived plan.txt (${what})?", ok: \'Apply\', submitter: approvers())', "echo 'apply'"],
	['anybody may approve', "ok: 'Apply', submitter: approvers()", "ok: 'Apply'"],
	['anybody may destroy', "ok: 'Destroy', submitter: approvers()", "ok: 'Destroy'"],
	['who starts it chooses the approvers', 'env.DEPLOY_APPROVERS ?: params.APPROVERS', 'params.APPROVERS ?: env.DEPLOY_APPROVERS'],
	['who starts it cannot name approvers', 'env.DEPLOY_APPROVERS ?: params.APPROVERS', "env.DEPLOY_APPROVERS ?: ''"],
	['dev never asked', 'expression { params.AUTO_APPROVE }', 'expression { true }'],
	['any name confirms', 'typed != params.ENVIRONMENT', "typed == 'no'"],
	['automatic approval for all', "if (params.AUTO_APPROVE && (", "if (params.AUTO_APPROVE && false && ("],
	['no lock', 'lock(resource: "accommodation-consolidator-${params.ENVIRONMENT}")', "timeout(time: 1, unit: 'HOURS')"],
	['one lock for all', 'accommodation-consolidator-${params.ENVIRONMENT}', 'accommodation-consolidator'],
	['concurrent builds', '\t\tdisableConcurrentBuilds()\n', ''],
	['no mail on failure', "notifyByMail('FAILED')", "echo 'failed'"],
	['no mail on success', "notifyByMail('done')", "echo 'done'"],
	['mail on refusal', 'if (env.APPLYING)', 'if (true)'],
	['no mail on a half-made environment', "env.APPLYING = 'yes'", "env.APPLYING = ''"],
	['plan left behind', '\t\t\tdeleteDir()', "\t\t\techo 'done'"],
	['parameter in a command', '-backend-config="bucket=$STATE_BUCKET" -backend-config="env/$ENVIRONMENT.tfbackend" -reconfigure\')', '-backend-config="bucket=\' + params.STATE_BUCKET + \'" -backend-config="env/$ENVIRONMENT.tfbackend" -reconfigure\')'],
	['state bucket not checked', 'if (!(params.STATE_BUCKET ==~', 'if (false && !(params.STATE_BUCKET ==~'],
	['addresses not checked', 'if (!(address ==~', 'if (false && !(address ==~'],
	['credential around nothing', "withCredentials([[\$class: 'AmazonWebServicesCredentialsBinding', credentialsId: params.AWS_CREDENTIALS]]) {\n\t\t\tbody()\n\t\t}", 'body()'],
	['wrong directory', "dir('terraform')", "dir('infra')"],
	['unset variable', '"build/acc-lambda-$ARCHITECTURE.zip"', '"build/acc-lambda-$ARCH.zip"'],
	['further environment', "['dev', 'staging', 'prod']", "['dev', 'staging', 'prod', 'qa']"],
	['credential in the file', "TF_INPUT = '0'", "TF_INPUT = '0'\n\t\tAWS_SECRET_ACCESS_KEY = 'x'"],
	['architecture not passed on', '\t\tTF_VAR_architecture = "${params.ARCHITECTURE}"\n', ''],
]

passed = 0
failed = 0

void report(String name, String finding) {
	if (finding == null)
		passed++
	else
		failed++
	println "${finding == null ? 'ok' : 'not ok'} ${passed + failed} - ${name}"
	if (finding != null)
		finding.readLines().each { println "#   ${it}" }
}

String attempt(Closure scenario, String text) {
	try {
		scenario(text)
		return null
	} catch (Broken | InvalidPipeline e) {
		return e.message
	}
}

def text = file.getText('UTF-8')
SCENARIOS.each { name, scenario -> report(name, attempt(scenario, text)) }

def missingFiles = { broken ->
	(broken =~ /name: 'ENVIRONMENT', choices: \[([^\]]*)\]/)[0][1].findAll(/\w+/)
		.collectMany { ["terraform/env/${it}.tfvars", "terraform/env/${it}.tfbackend"] }
		.findAll { !new File(root, it).exists() }
}
report('the environments have their values', missingFiles(text) ? "missing: ${missingFiles(text)}" : null)
report('an environment without values is found out',
	missingFiles(text.replace("'prod']", "'prod', 'qa']")).size() == 2 ? null : 'it was not')

def makefiles = [new File(root, 'Makefile')] + new File(root, 'tests').listFiles().findAll { it.directory }
	.collectMany { it.listFiles().findAll { it.name.endsWith('.mk') } }
def targets = makefiles.collectMany {
	it.readLines().findAll { it ==~ /^[a-z][a-z -]*:([^=].*)?/ }.collectMany { it.tokenize(':')[0].tokenize() }
}
def unknownTargets = { broken -> broken.findAll(/make ([a-z-]+)'/) { it[1] } - targets }
report('the targets that it makes are there', unknownTargets(text) ? "no target ${unknownTargets(text)}" : null)
report('a target that is not there is found out',
	unknownTargets(text.replace("'make check'", "'make checks'")).contains('checks') ? null : 'it was not')

for (mutant in MUTANTS) {
	def (name, from, to) = mutant
	def broken = text.replace(from, to)
	if (broken == text)
		report("broken copy is found out: ${name}", 'the file no longer holds what this mutant replaces')
	else
		report("broken copy is found out: ${name}",
			SCENARIOS.values().any { attempt(it, broken) != null } ? null : 'every scenario passes')
}
println "1..${passed + failed}"
println "jenkins: ${passed} passed, ${failed} failed"
System.exit(failed > 0 ? 1 : 0)
